# SPDX-License-Identifier: MIT
"""redis-py: every command is a leaf named by its first word; arguments are never looked at.

A pipeline is one leaf: that is how often it waits.
"""
from pitviper.hooks import KIND_CACHE

DISTRIBUTION = "redis"
VERSIONS = ("3.0", "8")

SYSTEM = "redis"


def _client(leaf, module, patch):
    command, pipeline = leaf(KIND_CACHE, SYSTEM, text=1), leaf(KIND_CACHE, SYSTEM, name="PIPELINE")
    patch.method(module.Redis, "execute_command", command)
    patch.method(module.Pipeline, "immediate_execute_command", command)
    patch.method(module.Pipeline, "execute", pipeline)


def _cluster(leaf, module, patch):
    command, pipeline = leaf(KIND_CACHE, SYSTEM, text=1), leaf(KIND_CACHE, SYSTEM, name="PIPELINE")
    patch.method(module.RedisCluster, "execute_command", command)
    patch.method(module.ClusterPipeline, "execute", pipeline)


MODULES = {
    "redis.client": lambda module, patch: _client(patch.leaf, module, patch),
    "redis.cluster": lambda module, patch: _cluster(patch.leaf, module, patch),
    "redis.asyncio.client": lambda module, patch: _client(patch.leaf_async, module, patch),
    "redis.asyncio.cluster": lambda module, patch: _cluster(patch.leaf_async, module, patch),
}
