// What node-postgres does: text results, parameters, prepared statements, cursors, streams, COPY both ways, notifications.
//
//     node pg.mjs URL
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import copyStreams from "pg-copy-streams";
import Cursor from "pg-cursor";
import pg from "pg";
import QueryStream from "pg-query-stream";

const url = process.argv[2];
const client = new pg.Client({ connectionString: url });
await client.connect();

const checks = {
    async types() {
        const { rows, fields } = await client.query(
            "select 1 as i, 2::bigint as big, 1.50::numeric(5,2) as n, true as b, null as nothing, 'é' as t, " +
                "date '2020-02-29' as d, timestamptz '2020-01-01 00:00:00+00' as at, array[1, 2] as list",
        );
        const row = rows[0];
        assert.deepEqual([row.i, row.big, row.n, row.b, row.nothing, row.t], [1, "2", "1.50", true, null, "é"]);
        assert.deepEqual(row.list, [1, 2]);
        assert.equal(row.at.toISOString(), "2020-01-01T00:00:00.000Z");
        assert.deepEqual(fields.map((field) => field.dataTypeID), [23, 20, 1700, 16, 25, 25, 1082, 1184, 1007]);
    },
    async origins() {
        const { rows } = await client.query(
            "select attrelid::int as oid, attnum as number from pg_attribute " +
                "where attrelid = 'gold.daily_sales'::regclass and attname = 'orders'",
        );
        const [{ oid, number }] = rows;
        const { fields } = await client.query(
            "select s.o, s.o + 1 as computed from (select d.orders as o from gold.daily_sales d) s order by 1 limit 1",
        );
        assert.deepEqual(fields.map((field) => [field.tableID, field.columnID]), [[oid, number], [0, 0]]);
    },
    async parameters() {
        const { rows } = await client.query("select $1::int + 1 as n, $2 || '!' as t, $3::date as d", [41, "x", "2020-01-02"]);
        assert.equal(rows[0].n, 42);
        assert.equal(rows[0].t, "x!");
        for (const n of [1, 2, 3]) {
            const named = { name: "by rank", text: "select rank from gold.top_products where rank = $1", values: [n] };
            assert.equal(Number((await client.query(named)).rows[0].rank), n);
        }
    },
    async errors() {
        await assert.rejects(client.query("select nope"), { code: "42703", position: "8" });
        await assert.rejects(client.query("select $1::int", ["x"]), { code: "22P02" });
        assert.equal((await client.query("select 1 as one")).rows[0].one, 1);
    },
    async cursors() {
        const cursor = client.query(new Cursor("select n from generate_series(1, 250) as t(n) order by n"));
        assert.equal((await cursor.read(100)).length, 100);
        assert.equal((await cursor.read(200)).length, 150);
        assert.equal((await cursor.read(10)).length, 0);
        await cursor.close();
    },
    async streams() {
        let count = 0;
        for await (const row of client.query(new QueryStream("select n from generate_series(1, 1000) as t(n)", [], { batchSize: 64 }))) {
            count += row.n > 0 ? 1 : 0;
        }
        assert.equal(count, 1000);
    },
    async copying() {
        await client.query("create table public.node_pg (a int, b text)");
        const lines = Array.from({ length: 20000 }, (_, n) => `${n}\tword ${n}\n`);
        await pipeline(Readable.from(lines), client.query(copyStreams.from("copy public.node_pg from stdin")));
        assert.equal((await client.query("select count(*)::int as n, sum(a)::int as s from public.node_pg")).rows[0].n, 20000);
        let bytes = 0;
        for await (const piece of client.query(copyStreams.to("copy public.node_pg to stdout"))) bytes += piece.length;
        assert.equal(bytes, lines.join("").length);
    },
    async transactions() {
        await client.query("begin");
        await client.query("insert into public.node_pg values (-1, 'x')");
        await client.query("rollback");
        assert.equal((await client.query("select count(*)::int as n from public.node_pg where a < 0")).rows[0].n, 0);
        const done = await client.query("update public.node_pg set b = 'changed' where a < 10");
        assert.deepEqual([done.command, done.rowCount], ["UPDATE", 10]);
        await client.query("drop table public.node_pg");
    },
    async notifications() {
        const heard = new Promise((resolve) => client.once("notification", resolve));
        await client.query("listen node");
        const other = new pg.Client({ connectionString: url });
        await other.connect();
        await other.query("select pg_notify('node', 'hello')");
        await other.end();
        const { channel, payload } = await heard;
        assert.deepEqual([channel, payload], ["node", "hello"]);
    },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
    try {
        await check();
    } catch (error) {
        failed += 1;
        console.error(`${name}: ${error.stack}`);
    }
}
await client.end();
process.exit(failed ? 1 : 0);
