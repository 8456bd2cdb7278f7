# SPDX-License-Identifier: MIT
"""One page, three queries: the same in Flask and Django, as WSGI applications.

For gunicorn: shop:make("flask", "none")
"""
import sqlite3
import threading

QUERIES = (
    "SELECT id, name FROM customers WHERE id = ?",
    "SELECT id, total FROM orders WHERE customer_id = ? ORDER BY id DESC LIMIT 10",
    "SELECT count(*), sum(total) FROM orders WHERE customer_id = ?",
)
TABLES = (
    "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, total INTEGER)",
    "CREATE INDEX by_customer ON orders (customer_id)",
)


def fill(cursor):
    for statement in TABLES:
        cursor.execute(statement)
    for number in range(10):
        cursor.execute("INSERT INTO customers VALUES (%d, 'customer')" % number)
        for order in range(20):
            values = (number * 20 + order, number, order)
            cursor.execute("INSERT INTO orders VALUES (%d, %d, %d)" % values)


def ask(cursor, queries, number):
    """The page's text."""
    rows = []
    for query in queries:
        cursor.execute(query, (number,))
        rows.append(cursor.fetchall())
    return "%s: %d shown of %d" % (rows[0][0][1], len(rows[1]), rows[2][0][0])


def make_flask():
    from flask import Flask

    app = Flask("shop")
    own = threading.local()

    @app.route("/customers/<int:number>")
    def customer(number):
        connection = getattr(own, "connection", None)
        if connection is None:  # each thread its own
            connection = own.connection = sqlite3.connect(":memory:")
            fill(connection.cursor())
        return ask(connection.cursor(), QUERIES, number)

    return app


def configure_django():
    from django.conf import settings

    settings.configure(
        SECRET_KEY="bench",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="shop_urls",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        LOGGING_CONFIG=None,
    )


def make_django():
    import django
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    django.setup()
    with connection.cursor() as cursor:
        fill(cursor)
    return get_wsgi_application()


def make(framework, agent):
    """The WSGI application, with the agent started before the framework is imported."""
    import peers

    if framework == "django":
        configure_django()
    peers.start(agent, framework)
    return make_flask() if framework == "flask" else make_django()
