# SPDX-License-Identifier: MIT
from django.urls import path

from . import views

urlpatterns = [
    path("books/<int:number>", views.book),
    path("shelf", views.shelf),
    path("report", views.report),
    path("recommended", views.recommended),
    path("broken", views.broken),
    path("metrics", views.metrics),
]
