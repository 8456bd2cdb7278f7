# SPDX-License-Identifier: MIT
"""Which libraries are instrumented, by which file of this folder, and when.

A hook file names what it needs of one library and nothing else (docs/design/0005-agent.md). It is read
when its library is imported for the first time, so libraries that a program does not use cost it
nothing. ROWS is the registry; adding a library is a file and a row.

One finder on sys.meta_path looks at the top-level name of every import. For a library with a row it
lets the other finders find the module, and then watches the module's loader: when the module has been
executed, the functions of the hook file that wait for it are called. The watcher is a C stand-in, so an
import that fails has the traceback that it always had. Modules that are there already are hooked at once.

Every replaced attribute is remembered, for detach(). Nothing that goes wrong in here reaches the
application: it disables the library, is said once at INFO through logging.getLogger("pitviper"), and is
counted; status() tells.

Hook files are named like their libraries, and importing one sets an attribute of that name in this very
module ("logging", "sqlite3"): so what this module needs of the library proper is imported inside functions.
"""
import os
import sys

from pitviper import _core
from pitviper._core import (  # noqa: F401  re-exported for the hook files
    KIND_CACHE,
    KIND_EXCEPTION,
    KIND_GC,
    KIND_LOOP,
    KIND_OUTBOUND,
    KIND_QUEUE,
    KIND_REQUEST,
    KIND_STATEMENT,
    KIND_TASK,
    KIND_TEMPLATE,
    KIND_USER,
)

# Top-level module → hook files in this folder that have functions for it or for its submodules.
ROWS = {
    "MySQLdb": ("mysqlclient",),
    "aiohttp": ("aiohttp_server", "aiohttp_client"),
    "asyncpg": ("asyncpg",),
    "celery": ("celery",),
    "concurrent": ("concurrent",),
    "django": ("django",),
    "fastapi": ("fastapi",),
    "flask": ("flask",),
    "gunicorn": ("gunicorn",),
    "http": ("http_client",),
    "httpx": ("httpx",),
    "hypercorn": ("hypercorn",),
    "jinja2": ("jinja2",),
    "logging": ("logging",),
    "psycopg": ("psycopg",),
    "psycopg2": ("psycopg2",),
    "pymongo": ("pymongo",),
    "pymysql": ("pymysql",),
    "redis": ("redis",),
    "sqlalchemy": ("sqlalchemy",),
    "sqlite3": ("sqlite3",),
    "starlette": ("starlette",),
    "urllib": ("urllib",),
    "urllib3": ("urllib3",),
    "uvicorn": ("uvicorn",),
    "waitress": ("waitress",),
    "werkzeug": ("werkzeug",),
    "wsgiref": ("wsgiref",),
}

WATCHED, HOOKED, LEFT_ALONE, DISABLED, FAILED = "watched", "hooked", "left alone", "disabled", "failed"


class Patch:
    """What the functions of one hook file work with; one per library."""

    def __init__(self, library):
        self.library = library

    def method(self, owner, name, make):
        """Replaces owner.__dict__[name] by make(it). False: there is no such attribute; that is noted.

        Static and class methods stay what they are: `make` gets the function inside.
        """
        return _replace(self.library, owner, name, make)

    def function(self, module, name, make):
        """The same for a name in a module. A name that others imported from there before stays theirs."""
        return _replace(self.library, module, name, make)

    def leaf(self, kind, system="", **options):
        """For `make`: every call is counted as a leaf. The options are those of _core.wrap."""
        return lambda original: _core.wrap(original, kind, system, **options)

    def leaf_async(self, kind, system="", **options):
        """The same for a coroutine function."""
        return lambda original: _core.wrap_async(original, kind, system, **options)

    def observe(self, before=None, after=None):
        """For `make`: before(args, kwargs) and after(args, kwargs, result, exception) around every call."""
        return lambda original: _core.observe(original, before, after)

    def observe_async(self, before=None, after=None):
        """The same for a coroutine function."""
        return lambda original: _core.observe_async(original, before, after)

    def undo(self, function):
        """detach() calls function(), for what is registered with a library and not replaced in it."""
        _replaced.append((None, None, None, function))

    def note(self, text):
        """Something that status() should tell: an attribute that this version does not have."""
        self.library.notes.append(text)


class Library:
    """A hook file: read, or found to be of no use here."""

    __slots__ = ("name", "state", "reason", "version", "notes", "modules", "distribution", "versions", "patch", "fired")

    def __init__(self, name):
        self.name = name
        self.state, self.reason, self.version = WATCHED, "", None
        self.notes, self.modules, self.fired = [], {}, set()
        self.distribution, self.versions = None, (None, None)
        self.patch = Patch(self)


errors = 0  # exceptions of hook files; _core counts those of observers
_libraries = {}  # hook file → Library; those whose package was imported
_replaced = []  # (owner, name, original, replacement), or (None, None, None, function to call)
_disabled = frozenset()
_listed = {}  # folder of packages → {distribution: version}


def attach(disable=()):
    """Hooks what is imported already, and watches imports from now on. Twice is once."""
    global _disabled
    _disabled = frozenset(disable)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    catch_up()


def catch_up():
    """Hooks modules that were imported when nobody looked."""
    for top in ROWS:
        if top not in sys.modules:
            continue
        for library in _libraries_of(top):
            for name in library.modules:
                module = sys.modules.get(name)
                if module is not None and not _is_half_done(module):
                    _fire(library, module)


def detach():
    """Puts every attribute back, last one first. What somebody else has replaced since then stays."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    left = 0
    while _replaced:
        owner, name, original, replacement = _replaced.pop()
        try:
            if owner is None:
                replacement()
            elif vars(owner).get(name) is replacement:
                setattr(owner, name, original)
            else:
                left += 1
        except Exception as exception:
            _failed(None, "detaching", exception)
    _libraries.clear()
    return left


def status():
    """{hook file: (state, version, reason, notes)} of the libraries that this process has imported."""
    return {
        library.name: (library.state, library.version, library.reason, tuple(library.notes))
        for library in _libraries.values()
    }


class _Finder:
    """On sys.meta_path: finds nothing itself, but sees what is imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in ROWS:
            return None
        try:
            waiting = any(name in library.modules for library in _libraries_of(name.partition(".")[0]))
        except Exception as exception:
            _failed(None, name, exception)
            return None
        if not waiting:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            if finder is _finder or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                _watch(spec)
                return spec
        return None


_finder = _Finder()


def _watch(spec):
    """Calls _executed() after the module of `spec`. Loaders of zip files are shared: it looks at the name."""
    loader = spec.loader
    execute = getattr(loader, "exec_module", None)
    if execute is None or isinstance(loader, type) or "exec_module" in getattr(loader, "__dict__", ()):
        return
    try:
        loader.exec_module = _core.observe(execute, None, _executed)
    except Exception as exception:
        _failed(None, spec.name, exception)


def _executed(args, kwargs, result, exception):
    module = args[0] if args else kwargs.get("module")
    name = getattr(getattr(module, "__spec__", None), "name", None)
    if exception is not None or name is None:
        return
    for library in _libraries_of(name.partition(".")[0]):
        if name in library.modules:
            _fire(library, module)


def _libraries_of(top):
    found = []
    for name in ROWS.get(top, ()):
        library = _libraries.get(name)
        if library is None:
            library = _libraries[name] = _read(name, top)
        if library.modules:
            found.append(library)
    return found


def _read(name, top):
    """Reads a hook file. In every case there is a Library; with nothing to watch when it is of no use."""
    library = Library(name)
    if name in _disabled or top in _disabled:
        library.state, library.reason = DISABLED, "by PITVIPER_DISABLE"
        return library
    try:
        __import__(__name__ + "." + name)
        file = sys.modules[__name__ + "." + name]
        library.distribution = getattr(file, "DISTRIBUTION", None)
        library.versions = getattr(file, "VERSIONS", (None, None))
        library.modules = dict(file.MODULES)
    except Exception as exception:
        _failed(library, "reading its hook file", exception)
    return library


def _fire(library, module):
    """Calls the hook function for `module`, once per module object."""
    name = module.__spec__.name if getattr(module, "__spec__", None) else module.__name__
    if library.state not in (WATCHED, HOOKED) or (name, id(module)) in library.fired:
        return
    library.fired.add((name, id(module)))
    try:
        if library.state == WATCHED and not _is_tested(library, name.partition(".")[0]):
            return
        library.modules[name](module, library.patch)
        library.state = HOOKED
    except Exception as exception:
        _failed(library, name, exception)


def _replace(library, owner, name, make):
    original = vars(owner).get(name)
    if original is None:
        library.notes.append("%s has no %s" % (getattr(owner, "__name__", owner), name))
        return False
    if any(row[0] is owner and row[3] is original for row in _replaced):
        return True
    if isinstance(original, (staticmethod, classmethod)):
        replacement = type(original)(make(original.__func__))
    else:
        replacement = make(original)
    setattr(owner, name, replacement)
    _replaced.append((owner, name, original, replacement))
    return True


def _is_half_done(module):
    return getattr(getattr(module, "__spec__", None), "_initializing", False)


def _failed(library, where, exception):
    """Counts, says once, and gives the library up."""
    global errors
    errors += 1
    if library is None:
        return
    library.state = FAILED
    library.reason = "%s: %s: %s" % (where, type(exception).__name__, exception)
    library.modules = {}
    _say("pitviper: %s is not instrumented: %s", library.name, library.reason)


def _say(text, *values):
    try:
        import logging

        logging.getLogger("pitviper").info(text, *values)
    except Exception:
        pass


# ---- versions ----------------------------------------------------------------------------------------


def _is_tested(library, top):
    """Whether the library's version lies in the range of its hook file; if not it is left alone."""
    first, last = library.versions
    if library.distribution is None:
        version = "%d.%d.%d" % sys.version_info[:3]
    else:
        version = version_of(library.distribution, top)
    library.version = version
    numbers = _numbers(version or "")
    if not numbers:
        library.reason = "its version is not known"
    elif first is not None and numbers + (0,) * 3 < _numbers(first):
        library.reason = "version %s is older than %s" % (version, first)
    elif last is not None and numbers[: len(_numbers(last))] > _numbers(last):
        library.reason = "version %s is newer than %s, the last one tested" % (version, last)
    else:
        return True
    library.state, library.modules = LEFT_ALONE, {}
    _say("pitviper: %s is left alone: %s", library.name, library.reason)
    return False


def version_of(distribution, top):
    """Version of an installed distribution whose package is `top`; None: unknown.

    The name of the metadata folder beside the package says it. importlib.metadata, which reads that
    folder, costs a program that does not use it 20 ms of imports: only where there is no such folder.
    """
    names = (distribution,) if isinstance(distribution, str) else distribution
    beside = _metadata_beside(sys.modules.get(top))
    for name in names:
        if _plain(name) in beside:
            return beside[_plain(name)]
    from importlib import metadata

    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            pass
    return None


def _metadata_beside(module):
    """{distribution: version} by the names of the metadata in the folder that `module` was imported from."""
    paths = list(getattr(module, "__path__", ()))
    where = paths[0] if paths else getattr(module, "__file__", None)
    if not where:
        return {}
    folder = os.path.dirname(where)
    if folder not in _listed:
        found = {}
        try:
            for entry in os.listdir(folder):
                stem, ending = os.path.splitext(entry)
                if ending in (".dist-info", ".egg-info"):
                    name, _, version = stem.partition("-")
                    found[_plain(name)] = version.partition("-")[0]
        except OSError:
            pass
        _listed[folder] = found
    return _listed[folder]


def _plain(name):
    return name.lower().replace("-", "_").replace(".", "_")


def _numbers(version):
    """(3, 1) of "3.1rc2"; () where there is no number at the start."""
    numbers = []
    for part in version.split("."):
        digits = len(part) - len(part.lstrip("0123456789"))
        if not digits:
            break
        numbers.append(int(part[:digits]))
        if digits < len(part):
            break
    return tuple(numbers)
