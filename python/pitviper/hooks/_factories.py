# SPDX-License-Identifier: MIT
"""Drivers whose connections and cursors are C types that nobody may change (sqlite3, psycopg2).

Where the application asks for the driver's own type it gets a subclass with counted methods: same name,
same C layout, no instance dictionary, so type checks in C and isinstance() hold. Where it brings a class
of its own, that class stays what it is (`type(cursor) is TheirCursor`) and its methods are counted in
place. Only weak references are kept of such classes: an application may make them by the thousand.
"""
import weakref

from pitviper import _core

_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8


def defining(owner, name):
    """The class that `owner` has the attribute from; None: it has none."""
    return next((base for base in owner.__mro__ if name in vars(base)), None)


def inherited(patch, owner, name, make):
    """Counts a method that a Python class has from a C type."""
    stand_in = make(getattr(owner, name))
    setattr(owner, name, stand_in)
    patch.undo(lambda: delattr(owner, name) if vars(owner).get(name) is stand_in else None)


class Counted:
    """The classes of one driver type: `own`, the subclass that replaces it, and what applications derive.

    `methods`: {name: make}; names that the type does not have are passed over.
    """

    def __init__(self, patch, base, methods):
        self.base, self.methods = base, methods
        self.own = _subclass(base, methods)
        self.seen = weakref.WeakSet()
        self.changed = []  # (weak reference to the class, name, what was in its dictionary or None, stand-in)
        patch.undo(self.undo)

    def adopt(self, given):
        """`given`: whatever the application passed as a factory. Functions are left alone."""
        if not isinstance(given, type) or given in self.seen or not issubclass(given, self.base):
            return
        self.seen.add(given)
        for name, make in self.methods.items():
            owner = defining(given, name)
            if owner is not None:
                self._replace(owner if _is_changeable(owner) else given, name, make)

    def adopt_type(self, args, kwargs, result, exception):
        """To observe a factory with: what it made is of a class of the application."""
        self.adopt(type(result))

    def _replace(self, owner, name, make):
        if owner is self.own or not _is_changeable(owner):
            return
        if any(row[0]() is owner and row[1] == name for row in self.changed):
            return
        before = vars(owner).get(name)
        stand_in = make(getattr(owner, name) if before is None else before)
        setattr(owner, name, stand_in)
        self.changed = [row for row in self.changed if row[0]() is not None]
        self.changed.append((weakref.ref(owner), name, before, stand_in))

    def undo(self):
        for reference, name, before, stand_in in self.changed:
            owner = reference()
            if owner is None or vars(owner).get(name) is not stand_in:
                continue
            if before is None:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self.changed = []
        self.seen.clear()


def is_written_in_python(function):
    return hasattr(function, "__code__")


def _is_changeable(owner):
    return owner.__flags__ & (_HEAP_TYPE | _IMMUTABLE_TYPE) == _HEAP_TYPE


def _subclass(base, methods):
    """A stand-in type for `base`. `methods`: {name: make}; names that `base` does not have are passed over."""
    own = _core.subtype(base)
    own.__doc__ = base.__doc__
    for name, make in methods.items():
        original = getattr(base, name, None)
        if original is not None:
            setattr(own, name, make(original))
    return own
