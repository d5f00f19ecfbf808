// What postgres.js does: everything prepared and pipelined, types fetched from pg_type, cursors, COPY, LISTEN.
//
//     node postgres.mjs URL
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";

const sql = postgres(process.argv[2], { max: 2, onnotice() {} });

const checks = {
    async types() {
        const [row] = await sql`select ${1}::int as i, ${"é"} as t, ${true}::boolean as b, ${null}::text as nothing,
            ${new Date("2020-01-01T00:00:00Z")}::timestamptz as at, array[1, 2] as list, '{"a": [1]}'::json as j`;
        assert.deepEqual([row.i, row.t, row.b, row.nothing], [1, "é", true, null]);
        assert.equal(row.at.toISOString(), "2020-01-01T00:00:00.000Z");
        assert.deepEqual([...row.list], [1, 2]);
        assert.deepEqual(row.j, { a: [1] });
    },
    async many_at_once() {
        const all = await Promise.all(Array.from({ length: 50 }, (_, n) => sql`select ${n}::int + 1 as n`));
        assert.deepEqual(all.map(([row]) => row.n), Array.from({ length: 50 }, (_, n) => n + 1));
    },
    async lists_and_fragments() {
        const rows = await sql`select rank from gold.top_products where rank in ${sql([1, 3])} order by rank`;
        assert.deepEqual(rows.map((row) => Number(row.rank)), [1, 3]);
    },
    async errors() {
        await assert.rejects(sql`select nope`, { code: "42703" });
        assert.equal((await sql`select 1 as one`)[0].one, 1);
    },
    async cursors() {
        let count = 0;
        for await (const rows of sql`select n from generate_series(1, 250) as t(n)`.cursor(100)) count += rows.length;
        assert.equal(count, 250);
    },
    async writing() {
        await sql`create table public.node_postgres (a int, b text)`;
        await sql.begin(async (sql) => {
            const rows = [{ a: 1, b: "x" }, { a: 2, b: null }];
            await sql`insert into public.node_postgres ${sql(rows)}`;
        });
        await assert.rejects(sql.begin(async (sql) => {
            await sql`insert into public.node_postgres values (3, 'y')`;
            throw new Error("changed my mind");
        }), /changed my mind/);
        const writable = await sql`copy public.node_postgres from stdin`.writable();
        await pipeline(Readable.from(["4\tz\n", "5\t\\N\n"]), writable);
        const rows = await sql`select a, b from public.node_postgres order by a`;
        assert.deepEqual(rows.map((row) => [row.a, row.b]), [[1, "x"], [2, null], [4, "z"], [5, null]]);
        const readable = await sql`copy public.node_postgres to stdout`.readable();
        let text = "";
        for await (const piece of readable) text += piece;
        assert.equal(text.split("\n").length, 5);
        await sql`drop table public.node_postgres`;
    },
    async notifications() {
        const heard = new Promise((resolve) => sql.listen("postgres_js", resolve, () => sql.notify("postgres_js", "hello")));
        assert.equal(await heard, "hello");
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
await sql.end({ timeout: 5 });
process.exit(failed ? 1 : 0);
