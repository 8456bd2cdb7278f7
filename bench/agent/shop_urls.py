# SPDX-License-Identifier: MIT
"""The page of shop.py in Django."""
from django.db import connection
from django.http import HttpResponse
from django.urls import path

import shop

QUERIES = tuple(query.replace("?", "%s") for query in shop.QUERIES)


def customer(request, number):
    with connection.cursor() as cursor:
        return HttpResponse(shop.ask(cursor, QUERIES, number))


urlpatterns = [path("customers/<int:number>", customer)]
