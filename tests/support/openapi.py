# SPDX-License-Identifier: MIT
"""Answers checked against the document that describes them."""

import copy

import jsonschema

LIST_KEY = "rows"


def closed(schema):
    """The same schema, which takes no key that it does not name: what is answered must be described."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [closed(part) for part in schema]
    return schema


def validator(document, path, method="get", status="200"):
    """For the JSON that the document promises there."""
    content = document["paths"][path][method]["responses"][status]["content"]
    schema = closed(copy.deepcopy(content["application/json"]["schema"]))
    schemas = closed(copy.deepcopy(document["components"]["schemas"]))
    return jsonschema.Draft202012Validator({**schema, "components": {"schemas": schemas}})


def check(document, path, value):
    """AssertionError with all that is wrong."""
    wrong = ["%s: %s" % (error.json_path, error.message) for error in validator(document, path).iter_errors(value)]
    assert not wrong, "%s\n%s" % (path, "\n".join(wrong[:20]))
