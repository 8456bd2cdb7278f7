# SPDX-License-Identifier: MIT
"""The shop lives below shop/: its routes are shown with that prefix."""
from django.urls import include, path

urlpatterns = [path("shop/", include("shop.urls"))]
