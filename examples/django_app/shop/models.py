# SPDX-License-Identifier: MIT
from django.db import connection, models

AUTHORS = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Fay"]


class Author(models.Model):
    name = models.CharField(max_length=80)


class Book(models.Model):
    title = models.CharField(max_length=80)
    price = models.IntegerField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE)


def fill():
    """Tables and a few books, in a database that is new with every start."""
    if "shop_book" in connection.introspection.table_names():
        return
    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)
    for number, name in enumerate(AUTHORS, start=1):
        author = Author.objects.create(name=name)
        Book.objects.create(title="The book of " + name, price=900 + number, author=author)
