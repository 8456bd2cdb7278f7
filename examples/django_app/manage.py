#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bookshop in Django, with the troubles that real services have.

    pip install django requests
    pitviper run -- python manage.py runserver --noreload 8000
    pitviper watch --all                  # in another terminal
"""
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
