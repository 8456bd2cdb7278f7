# SPDX-License-Identifier: MIT
"""Settings: PITVIPER_* in the environment, and one YAML file that PITVIPER_CONFIG names.

SETTINGS has a row for each. The file says the same in lower case without the prefix ("slow_ms: 200"); where
both speak, the environment wins. What the file says is put into the environment, because the extension
and child processes read it there, so it is read once per process tree.

Reading a YAML file takes PyYAML; where that is not installed the file is ignored, which is said once.
Nothing in a setting is worth failing for: what cannot be understood is said, and its default holds.
"""
import os

PREFIX = "PITVIPER_"

# Name in the file → (default, what it means). docs/python.md has the same table.
SETTINGS = {
    "config": ("", "YAML file with the settings below"),
    "disabled": ("0", "1: pitviper does nothing at all in this process"),
    "disable": ("", "libraries to leave alone, with commas between: redis,flask"),
    "service": ("", "name of the service"),
    "version": ("", "release of the service"),
    "propagate": ("1", "0: send no traceparent with outbound requests"),
    "log_ids": ("0", "1: log records have trace_id and span_id"),
    "sample_rate": ("0.01", "share of traces that are kept whole, besides the slow, failed and first ones"),
    "error_messages": ("0", "1: keep the texts of exceptions, not only their types and places"),
    "slow_ms": ("100", "tracked calls and metrics that take longer are warned about; 0: never"),
    "deviations": ("3", "so are those beyond mean + this many standard deviations of the last 100; 0: never"),
    "warnings_per_minute": ("6", "warnings per name and minute; the rest is counted"),
    "performance_log": ("performance_log.jsonl", "file that log_metric() appends to; empty: none"),
}


def text(name):
    """The setting as given, or its default."""
    return os.environ.get(PREFIX + name.upper(), SETTINGS[name][0])


def flag(name):
    return text(name).strip().lower() not in ("", "0", "no", "false", "off")


def words(name):
    return tuple(word.strip() for word in text(name).split(",") if word.strip())


def number(name):
    try:
        return float(text(name))
    except ValueError:
        _say("%s%s=%s is not a number, using %s", PREFIX, name.upper(), text(name), SETTINGS[name][0])
        return float(SETTINGS[name][0])


def load():
    """Puts what the file of PITVIPER_CONFIG says into the environment. Never raises."""
    path = os.environ.get(PREFIX + "CONFIG")
    if not path:
        return
    try:
        values = _read(path)
    except Exception as error:  # PyYAML's errors, the file's errors, a file that is no mapping
        _say("%s is not used: %s", path, error)
        return
    for name, value in values.items():
        if name not in SETTINGS or name == "config":
            _say("%s: there is no setting %s", path, name)
        elif (value := as_text(value)) is None:
            _say("%s: %s must be a word, a number, yes or no, or a list of words", path, name)
        else:
            os.environ.setdefault(PREFIX + name.upper(), value)
    os.environ.pop(PREFIX + "CONFIG")


def as_text(value):
    """A value of the file as the environment has it; None: not one that a setting can have."""
    if isinstance(value, str):
        return {"true": "1", "yes": "1", "on": "1", "false": "0", "no": "0", "off": "0"}.get(value.lower(), value)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return ",".join(value)
    return None


def _read(path):
    try:
        import yaml
    except ImportError:
        raise RuntimeError("reading it takes PyYAML (pip install pyyaml); PITVIPER_* works without") from None
    with open(path, encoding="utf-8") as file:
        values = yaml.load(file, Loader=yaml.BaseLoader)  # text as written: release 1.10 is not 1.1
    if not values:
        return {}
    if not isinstance(values, dict):
        raise RuntimeError("it must have lines such as \"service: shop\"")
    return values


def _say(template, *values):
    import logging

    logging.getLogger("pitviper").warning("pitviper: " + template, *values)
