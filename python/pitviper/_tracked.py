# SPDX-License-Identifier: MIT
"""What pitviper.track makes of coroutine functions and generator functions (src/agent/track.c).

A coroutine is a span from its first step to its end. A generator is counted when it ends, with the time that
was spent inside it: what its consumer does between two items is not its own, and no span may stay open there,
because a generator has no context of its own.
"""
import functools
from time import perf_counter


async def ready(track, value):
    """For `async with`: nothing is left to wait for."""
    return value


def coroutine(function, track):
    @functools.wraps(function)
    async def tracked(*args, **kwargs):
        with track:
            return await function(*args, **kwargs)

    return tracked


def generator(function, track):
    @functools.wraps(function)
    def tracked(*args, **kwargs):
        return (yield from _Steps(function(*args, **kwargs), track))

    return tracked


def async_generator(function, track):
    @functools.wraps(function)
    async def tracked(*args, **kwargs):
        inner = function(*args, **kwargs)
        spent, failed = 0.0, False
        step, value = inner.asend, None
        try:
            while True:
                begin = perf_counter()
                try:
                    item = await step(value)
                finally:
                    spent += perf_counter() - begin
                try:
                    value = yield item
                    step = inner.asend
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as exception:
                    step, value = inner.athrow, exception
        except StopAsyncIteration:
            pass
        except Exception:
            failed = True
            raise
        finally:
            track._add(spent, failed)

    return tracked


class _Steps:
    """A generator, with the time that it spends in its steps."""

    def __init__(self, inner, track):
        self._inner, self._track, self._spent = inner, track, 0.0

    def __iter__(self):
        return self

    def __next__(self):
        return self._step(self._inner.__next__)

    def send(self, value):
        return self._step(self._inner.send, value)

    def throw(self, *exception):
        return self._step(self._inner.throw, *exception)

    def close(self):
        try:
            self._step(self._inner.close)
        finally:
            self._end(False)

    def _step(self, step, *args):
        begin = perf_counter()
        try:
            return step(*args)
        except BaseException as exception:
            self._spent += perf_counter() - begin
            begin = None
            self._end(isinstance(exception, Exception) and not isinstance(exception, StopIteration))
            raise
        finally:
            if begin is not None:
                self._spent += perf_counter() - begin

    def _end(self, failed):
        if self._track is not None:
            self._track._add(self._spent, failed)
            self._track = None
