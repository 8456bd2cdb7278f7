# SPDX-License-Identifier: MIT
"""A process as large and as varied as a small service: much of the standard library is imported, and it
spends its time in many different places of it.
"""
import ast
import asyncio
import collections
import configparser
import csv
import decimal
import difflib
import email.message
import email.parser
import fractions
import html.parser
import http.client
import io
import json
import logging
import pickle
import pprint
import random
import re
import sqlite3
import statistics
import string
import sys
import textwrap
import time
import tokenize
import unittest
import urllib.parse
import xml.dom.minidom
import xml.etree.ElementTree as ElementTree

from board import open_board, ready

SOURCE = "def f(a, b=1):\n    return [x * a for x in range(b) if x % 2]\n" * 8
USED = (asyncio, collections, configparser, http.client, logging, sqlite3, unittest)


def parse_source():
    ast.dump(ast.parse(SOURCE))
    list(tokenize.tokenize(io.BytesIO(SOURCE.encode()).readline))


def diff_text():
    before = [random.choice(string.ascii_lowercase) * 3 for _ in range(40)]
    after = list(before)
    after[random.randrange(40)] = "changed"
    list(difflib.unified_diff(before, after))


def count_money():
    total = decimal.Decimal(0)
    for i in range(1, 40):
        total += decimal.Decimal(1) / decimal.Decimal(i)
    sum(fractions.Fraction(1, i) for i in range(1, 20))
    statistics.stdev([float(i % 7) for i in range(60)])


def read_mail():
    message = email.message.EmailMessage()
    message["Subject"] = "hello " * 5
    message["To"] = "somebody@example.org"
    message.set_content("text\n" * 20)
    email.parser.Parser().parsestr(message.as_string())


def read_markup():
    text = "<a>" + "<b c='d'>e</b>" * 30 + "</a>"
    ElementTree.tostring(ElementTree.fromstring(text))
    xml.dom.minidom.parseString(text).toprettyxml()
    html.parser.HTMLParser().feed(text)


def write_tables():
    out = io.StringIO()
    writer = csv.writer(out)
    rows = [[i, str(i), i / 3] for i in range(60)]
    writer.writerows(rows)
    list(csv.DictReader(io.StringIO(out.getvalue())))
    json.loads(json.dumps(rows, indent=1))
    pickle.loads(pickle.dumps(rows))
    pprint.pformat(rows[:12])


def fold_words():
    text = " ".join(random.choice(["alpha", "beta", "gamma"]) for _ in range(200))
    textwrap.fill(text, 40)
    re.sub(r"(\w)(\w*)", lambda m: m.group(2) + m.group(1), text)
    urllib.parse.parse_qs(urllib.parse.urlencode({"q": text, "n": 5}))


JOBS = (parse_source, diff_text, count_money, read_mail, read_markup, write_tables, fold_words)


def main(seconds):
    board = open_board()
    random.seed(1)
    end = time.perf_counter() + seconds
    ready()
    while time.perf_counter() < end:
        random.choice(JOBS)()
        board[0] += 1
        board[1] = time.process_time()


main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
