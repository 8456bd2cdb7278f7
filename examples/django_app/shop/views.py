# SPDX-License-Identifier: MIT
"""
    GET /shop/books/3      quick
    GET /shop/shelf        one query per book for its author (N+1): named as such; select_related() cures it
    GET /shop/report       slow, in a function of its own that is tracked
    GET /shop/recommended  asks another service, which happens to be this one
    GET /shop/broken       fails
    GET /shop/metrics      what log_metric() wrote, read with pandas (pip install pandas)
"""
import os
import time

import requests
from django.db.models import Sum
from django.http import JsonResponse
from django.shortcuts import get_object_or_404

import pitviper

from .models import Book, fill

METRICS = os.environ.get("PITVIPER_PERFORMANCE_LOG", "performance_log.jsonl")

fill()


def book(request, number):
    found = get_object_or_404(Book, pk=number)
    return JsonResponse({"title": found.title, "price": found.price})


def shelf(request):
    return JsonResponse({book.title: book.author.name for book in Book.objects.all()})


@pitviper.track("add up the year")
def add_up():
    time.sleep(0.12)  # longer than the limit of 100 ms: logged as a warning
    return Book.objects.aggregate(total=Sum("price"))["total"]


def report(request):
    start = time.perf_counter()
    total = add_up()
    pitviper.log_metric("/shop/report", (time.perf_counter() - start) * 1000)
    return JsonResponse({"total": total})


def recommended(request):
    answer = requests.get(request.build_absolute_uri("/shop/books/3"), timeout=5)
    return JsonResponse({"recommended": answer.json(), "trace": pitviper.current_trace_id()})


def broken(request):
    return JsonResponse({"price": Book.objects.get(pk=99).price})  # there is no book 99


def metrics(request):
    import pandas

    log = pandas.read_json(METRICS, lines=True)
    return JsonResponse(log.groupby("endpoint")["duration_ms"].agg(["count", "mean", "max"]).to_dict("index"))
