# SPDX-License-Identifier: MIT
"""A frame with a variable of every kind and type, standing still; or changing ("churn").

Prints the expected [[name, kind, value], …] as JSON, of the functions generate and subject and of
the class body `Body`, then "ready".
"""
import collections
import enum
import json
import sys
import threading
import time

from board import ready

CUT = 80  # characters of a str, bytes of a bytes
ITEMS = 6


class Plain:
    def __init__(self):
        self.x = 1


class Slotted:
    __slots__ = ("a",)


class Number(int):
    pass


class Colour(enum.IntEnum):
    RED = 3


class Text(str):
    pass


class Names(dict):
    pass


Point = collections.namedtuple("Point", "x y")


def address(value):
    kind = type(value)
    return "<%s.%s at 0x%x>" % (kind.__module__, kind.__qualname__, id(value))


def say(expected):
    sys.stdout.write(json.dumps(expected) + "\n")
    sys.stdout.flush()


def stand_still():
    ready()
    time.sleep(600)


def outer(free_text, free_unbound_later):
    free_number = 7

    def subject(arg, cell_arg, pair=(1, 2), *rest, only="kw", **more):
        local_unbound = 1
        del local_unbound
        none, true, false, dots = None, True, False, ...
        zero, small, negative, word, long_one, huge = 0, 255, -1, 2 ** 63, -(7 ** 150), 1 << 5000
        digit, digits = 2 ** 30, -(2 ** 60)
        reals = [0.0, -0.0, 1.5, 1e100, 1e16, 123456789012345680.0, 0.1, 1e-5]
        real, tiny, whole, third, infinite, nothing = 2.5, 5e-324, 1e15, 1 / 3, -1e999, 1e999 - 1e999
        ascii_text, latin, cyrillic, wide = "it's", "naïve", "работа", "𐎠𐎡"
        quotes, controls, hidden = "a'b\"c\\", "a\n\t\r\x00\x7f\x1b[31m", "a\u200b\u202eb"
        long_text, long_wide, empty_text = "y" * 500, "仕" * 100, ""
        data, long_data, empty_data = b"a'\x00\xff\\", b"z" * 100, b""
        items, long_items, empty_items = [1, "two", None], list(range(100)), []
        one, many, none_of_it = (1,), tuple(range(10)), ()
        table, long_table, empty_table = {"a": 1, 2: "b"}, {i: i for i in range(10)}, {}
        mixed = {"x": [1, {"y": (2, {"z": 3})}]}
        gone = {i: i for i in range(5)}
        del gone[0], gone[3]
        group, frozen, empty_group = {5}, frozenset(["f"]), set()
        long_group = set(range(20))
        shrunk = {1, 2}
        shrunk.discard(1)
        cyclic = []
        cyclic.append(cyclic)
        plain, slotted, kind, builtin = Plain(), Slotted(), Plain, int
        number, colour, text, names = Number(4), Colour.RED, Text("sub"), Names(a=1)
        point, ordered = Point(1, 2), collections.OrderedDict(a=1)
        counted = collections.defaultdict(int, b=2)
        attributes = plain.__dict__
        try:
            unchangeable = frozendict(a=1)  # 3.15
        except NameError:
            unchangeable = None
        function = len
        cell = [1]
        comprehension_cell = 3

        def inner():
            return cell, cell_arg, free_text, free_number, comprehension_cell, free_unbound_later

        nested = [comprehension_cell for _ in range(1)]
        expected = [
            ["arg", "argument", "'A'"], ["cell_arg", "argument", "'C'"],
            ["pair", "argument", "(1, 2)"], ["only", "argument", "'kw'"],
            ["rest", "argument", "(3, 4)"], ["more", "argument", "{'k': 'v'}"],
            ["cell", "cell", "[1]"], ["comprehension_cell", "cell", "3"],
            ["free_text", "free", "'F'"], ["free_number", "free", "7"],
        ]
        plain_names = ["none", "true", "false", "zero", "small", "negative", "word", "long_one",
                       "digit", "digits", "real", "tiny", "whole", "third", "infinite", "nothing",
                       "ascii_text", "latin", "cyrillic", "wide", "empty_text", "data",
                       "empty_data", "items", "empty_items", "one", "none_of_it", "table",
                       "empty_table", "group", "frozen", "empty_group", "dots", "nested", "gone",
                       "attributes", "shrunk"]
        values = dict(locals())
        expected += [[name, "variable", repr(values[name])] for name in plain_names]
        expected += [
            ["huge", "variable", "<int of 5001 bits>"],
            ["reals", "variable", repr(reals[:ITEMS])[:-1] + ", … 2 more]"],
            ["quotes", "variable", repr(quotes)], ["controls", "variable", repr(controls)],
            ["hidden", "variable", r"'a\u200b\u202eb'"],
            ["long_text", "variable", repr("y" * CUT) + "…"],
            ["long_wide", "variable", repr("仕" * CUT) + "…"],
            ["long_data", "variable", repr(b"z" * CUT) + "…"],
            ["long_items", "variable", "[0, 1, 2, 3, 4, 5, … 94 more]"],
            ["many", "variable", "(0, 1, 2, 3, 4, 5, … 4 more)"],
            ["long_table", "variable", "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, … 4 more}"],
            ["long_group", "variable", "{0, 1, 2, 3, 4, 5, … 14 more}"],
            ["mixed", "variable", "{'x': [1, {'y': (…)}]}"],
            ["cyclic", "variable", "[[[[…]]]]"],
            ["plain", "variable", address(plain)], ["slotted", "variable", address(slotted)],
            ["kind", "variable", "<class __main__.Plain>"],
            ["builtin", "variable", "<class int>"],
            ["number", "variable", "__main__.Number(4)"],
            ["colour", "variable", "__main__.Colour(3)"],
            ["names", "variable", "__main__.Names({'a': 1})"],
            ["point", "variable", "__main__.Point((1, 2))"],
            ["ordered", "variable", "collections.OrderedDict({'a': 1})"],
            ["counted", "variable", "collections.defaultdict({'b': 2})"],
            ["function", "variable", "<builtin_function_or_method at 0x%x>" % id(function)],
            ["inner", "variable", "<function at 0x%x>" % id(inner)],
            ["text", "variable", address(text)],
            ["unchangeable", "variable", "frozendict({'a': 1})" if unchangeable else "None"],
            ["free_unbound_later", "free", None], ["local_unbound", "variable", None],
        ]
        say(expected)

        class Body:
            in_body = "namespace"
            number = 11
            say([["in_body", "namespace", "'namespace'"], ["number", "namespace", "11"]])
            stand_still()

    result = subject
    del free_unbound_later
    return result


def churn():
    """Every value of a name is one of a few that can be told apart."""
    text, number, items, table, real = "aaaa", 1, [1], {"k": 1}, 0.5
    bag, deep = set(), [[1]]
    while True:
        for i in range(4):
            text = "abé仕"[i] * (i * 40 + 1)
            number = 10 ** (i * 20)
            items = list(range(i * 20))
            items.append(i)
            table = {j: str(j) for j in range(i * 7)}
            table.pop(0, None)
            real = i / 3
            bag = set(range(i))
            deep = [[[i] * i] * i]
            time.sleep(0)


def generate(function):
    state = "running"
    yield function("F", "unbound")("A", "C", (1, 2), 3, 4, k="v")
    return state


if "churn" in sys.argv:
    threading.Thread(target=churn, daemon=True).start()
    ready()
    time.sleep(600)
else:
    say([["function", "argument", "<function at 0x%x>" % id(outer)],
         ["state", "variable", "'running'"]])
    next(generate(outer))
