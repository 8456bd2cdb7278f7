# SPDX-License-Identifier: MIT
"""redis-py against real Redis servers, and pymongo against one that speaks enough of the protocol."""

import sys

from support.instrumented_data import data_program
from support.mongo import mongo_server

SECRETS = ("planted-7431", "planted_key", "hunter2")


def test_data_redis__commands_and_pipelines__named_by_the_command_alone(redis_server):
    with data_program(sys.executable, """
        import redis, sys, threading
        r = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]))
        page = request()
        for number in range(6):
            r.set("planted_key", "planted-7431")
        say(r.get("planted_key").decode())
        r.config_get("maxmemory")
        r.execute_command("GET planted_key")
        r.execute_command(b"get", "planted_key")
        r.execute_command("EVAL", "return 'planted-7431'", 0)
        with r.pipeline() as pipe:
            for number in range(50):
                pipe.set("planted_key", "hunter2")
            pipe.execute()
        with r.pipeline() as pipe:
            pipe.watch("planted_key")
            pipe.multi(); pipe.incr("planted_n"); pipe.execute()
        try:
            r.incr("planted_key")
        except redis.ResponseError:
            pass
        try:
            r.execute_command("planted-7431", "x")
        except redis.ResponseError:
            pass
        thread = threading.Thread(target=lambda: r.ping()); thread.start(); thread.join()
        page.end()
    """, redis_server) as done:
        counts = done.counts("CACHE")
        assert done.said == ["planted-7431"]
        assert counts["SET"] == 6 and counts["GET"] == 3 and counts["PING"] == 1, counts
        assert counts["PIPELINE"] == 2 and counts["WATCH"] == 1 and counts["CONFIG"] == 1, counts
        assert done.key("CACHE", "INCRBY").errors == 1
        assert {key.detail for key in done.keys("CACHE")} == {"redis"}
        assert done.region.records("PARTS")[0].values["cache_us"] > 0
        assert done.has(*SECRETS) == []
        assert done.region.counters["hook_errors"] == 0


def test_data_redis__async__each_task_counts_its_own(redis_server):
    with data_program(sys.executable, """
        import asyncio, sys, redis.asyncio as redis
        async def page(number):
            own = request("/page/%d" % number)
            r = redis.Redis(host="127.0.0.1", port=int(sys.argv[1]))
            for _ in range(number):
                await r.set("planted_key", "planted-7431")
            async with r.pipeline() as pipe:
                await pipe.get("planted_key").get("planted_key").execute()
            await r.blpop("planted_nothing", timeout=0.05)
            await r.aclose()
            own.end()
        async def main():
            await asyncio.gather(*(page(number) for number in range(1, 6)))
        asyncio.run(main())
    """, redis_server) as done:
        counts = done.counts("CACHE")
        assert counts["SET"] == 15 and counts["PIPELINE"] == 5 and counts["BLPOP"] == 5, counts
        for record in done.region.records("PARTS"):
            assert record.values["cache_us"] >= 50000
        spans = [span.request for span in done.region.records("SPAN", "CACHE") if span.values["key"].name == "SET"]
        assert sorted(spans.count(number) for number in set(spans)) == [1, 2, 3, 4, 5]
        assert done.has(*SECRETS) == []


def test_data_redis__cluster__counted_once(redis_cluster):
    with data_program(sys.executable, """
        import asyncio, sys
        from redis.cluster import RedisCluster
        from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
        port = int(sys.argv[1])
        r = RedisCluster(host="127.0.0.1", port=port)
        for number in range(5):
            r.set("planted_key", "planted-7431")
        pipe = r.pipeline()
        pipe.get("planted_key"); pipe.get("planted_key")
        say(len(pipe.execute()))
        async def main():
            async with AsyncRedisCluster(host="127.0.0.1", port=port) as r:
                for number in range(4):
                    await r.get("planted_key")
                pipe = r.pipeline()
                say(len(await pipe.get("planted_key").execute()))
        asyncio.run(main())
    """, redis_cluster) as done:
        counts = done.counts("CACHE")
        assert done.said == [2, 1]
        assert counts["SET"] == 5 and counts["GET"] == 4 and counts["PIPELINE"] == 2, counts
        assert done.has(*SECRETS) == []


def test_data_pymongo__commands__named_with_their_collection():
    with mongo_server() as port:
        with data_program(sys.executable, """
            import pymongo, sys
            client = pymongo.MongoClient("127.0.0.1", int(sys.argv[1]), serverSelectionTimeoutMS=5000)
            people = client.test.people
            page = request()
            for number in range(4):
                say(len(list(people.find({"name": "planted-7431"}))))
            people.insert_one({"planted_key": "planted-7431"})
            people.bulk_write([pymongo.InsertOne({"a": "hunter2"}), pymongo.UpdateOne({"a": 1}, {"$set": {"b": "hunter2"}})])
            client.admin.command("ping")
            try:
                client.admin.command("fail", "planted-7431")
            except pymongo.errors.OperationFailure:
                pass
            page.end()
            client.close()
        """, port) as done:
            counts = done.counts("CACHE")
            assert done.said == [3] * 4
            assert counts["find people"] == 4 and counts["getMore people"] == 4, counts
            assert counts["insert people"] == 2 and counts["update people"] == 1 and counts["ping"] == 1, counts
            assert done.key("CACHE", "fail").errors == 1
            assert {key.detail for key in done.keys("CACHE")} == {"mongodb"}
            assert done.region.records("PARTS")[0].values["cache_us"] > 0
            assert done.has(*SECRETS) == []


def test_data_pymongo__async_client__counted():
    with mongo_server() as port:
        with data_program(sys.executable, """
            import asyncio, pymongo, sys
            async def main():
                client = pymongo.AsyncMongoClient("127.0.0.1", int(sys.argv[1]), serverSelectionTimeoutMS=5000)
                await asyncio.gather(*(client.test.people.insert_one({"a": "planted-7431"}) for _ in range(10)))
                await client.close()
            asyncio.run(main())
        """, port) as done:
            assert done.counts("CACHE")["insert people"] == 10
            assert done.has(*SECRETS) == []
