// Knex: its schema builder and its query builder. Prints a line for each; what PostgreSQL makes it print is what Lakewire has to.
//
//     node knex.mjs URL
import makeKnex from 'knex';

const knex = makeKnex({client:'pg', connection: process.argv[2], pool:{min:0,max:2}});
async function step(n, f){ try { const r = await f(); console.log(n,'|',JSON.stringify(r)); } catch(e){ console.log(n,'| failed |', e.code, e.message.split('\n')[0]); } }
(async()=>{
 await step('drop', ()=>knex.schema.dropTableIfExists('kposts').dropTableIfExists('kusers'));
 await step('create', ()=>knex.schema.createTable('kusers', t=>{ t.increments('id'); t.string('name',100).notNullable().index(); t.string('email').unique(); t.json('j'); t.jsonb('jb'); t.boolean('active').defaultTo(true); t.decimal('credit',10,2).defaultTo(0); t.float('f'); t.double('d'); t.bigInteger('big'); t.uuid('u'); t.date('day'); t.datetime('at'); t.timestamps(true,true); t.binary('bin'); t.specificType('tags','text[]'); t.enu('state',['a','b']); t.text('note'); t.smallint('s'); t.comment('users')}).then(()=>0));
 await step('create2', ()=>knex.schema.createTable('kposts', t=>{ t.bigIncrements('id'); t.integer('user_id').references('id').inTable('kusers').onDelete('CASCADE'); t.string('title'); t.unique(['user_id','title']); t.index(['title'],'kposts_title_idx')}).then(()=>0));
 await step('has', ()=>knex.schema.hasTable('kusers'));
 await step('hascol', ()=>knex.schema.hasColumn('kusers','email'));
 await step('colinfo', async()=>Object.entries(await knex('kusers').columnInfo()).map(([k,v])=>[k,v.type,v.maxLength,v.nullable]));
 await step('insert', ()=>knex('kusers').insert([{name:'ann',email:'a@x',j:{a:1},jb:JSON.stringify([1,2]),tags:['x','y'],credit:'10.50',at:'2024-01-02T03:04:05Z',day:'2024-01-02',bin:Buffer.from('hi'),state:'a',big:'9007199254740993',d:1.5,f:2.5,s:3},{name:'bob',email:'b@x'}]).returning(['id','name','tags','credit','jb','big','active']));
 await step('bad enum', ()=>knex('kusers').insert({name:'z',state:'zz'}));
 await step('select', ()=>knex('kusers').select('id','name','j','jb','tags','credit','d','f','s','big','day','bin','u').orderBy('id'));
 await step('upsert', ()=>knex('kusers').insert({name:'ann2',email:'a@x'}).onConflict('email').merge().returning('*').then(r=>r.map(x=>[x.id,x.name,x.credit])));
 await step('upsert2', ()=>knex('kusers').insert({name:'ann3',email:'a@x'}).onConflict('email').merge(['name']).where('kusers.id','>',0).returning(['id','name','email']));
 await step('ignore', ()=>knex('kusers').insert({name:'ann4',email:'a@x'}).onConflict('email').ignore().then(r=>r.rowCount));
 await step('update', ()=>knex('kusers').where({email:'b@x'}).update({credit:knex.raw('credit + ?',[5]), active:false},['id','credit','active']));
 await step('incr', ()=>knex('kusers').where('id',1).increment({credit:2.25}));
 await step('posts', ()=>knex('kposts').insert([{user_id:1,title:'t1'},{user_id:1,title:'t2'},{user_id:2,title:'t3'}],'id'));
 await step('join', ()=>knex('kposts as p').join('kusers as u','u.id','p.user_id').select('p.title','u.name').orderBy('p.id').limit(2).offset(1));
 await step('agg', ()=>knex('kposts').select('user_id').count('* as c').min('title as m').groupBy('user_id').havingRaw('count(*) > ?',[0]).orderBy('user_id'));
 await step('sub', ()=>knex('kusers').whereIn('id', knex('kposts').select('user_id').where('title','like','t%')).whereExists(knex('kposts').whereRaw('kposts.user_id = kusers.id')).pluck('id'));
 await step('json', ()=>knex('kusers').whereJsonPath('jb','$[0]','=',1).pluck('id'));
 await step('json2', ()=>knex('kusers').whereJsonSupersetOf('jb',[1]).pluck('id'));
 await step('jsonextract', ()=>knex('kusers').jsonExtract('jb','$[1]','second').orderBy('id'));
 await step('cte', ()=>knex.with('x', knex('kposts').select('user_id').where('id','>',1)).select('*').from('x').orderBy('user_id'));
 await step('rec', ()=>knex.withRecursive('r',['n'], knex.raw('select 1 union all select n + 1 from r where n < ?',[5])).select('n').from('r'));
 await step('rank', ()=>knex('kposts').select('id').rank('rk', q=>q.partitionBy('user_id').orderBy('id','desc')).rowNumber('rn','id').orderBy('id'));
 await step('distinctOn', ()=>knex('kposts').distinctOn('user_id').select('user_id','title').orderBy([{column:'user_id'},{column:'id',order:'desc'}]));
 await step('forupdate', ()=>knex.transaction(async t=>{ const r=await t('kusers').where('id',1).forUpdate().select('id'); await t('kusers').where('id',1).update({note:'x'}); return r;}));
 await step('rollback', ()=>knex.transaction(async t=>{ await t('kusers').where('id',1).update({note:'y'}); throw new Error('no');}));
 await step('savepoint', ()=>knex.transaction(async t=>{ await t('kusers').where('id',1).update({note:'q'}); try{ await t.transaction(async t2=>{ await t2('kusers').where('id',1).update({note:'w'}); throw new Error('inner');}); }catch(e){} return t('kusers').where('id',1).pluck('note');}));
 await step('batch', ()=>knex.batchInsert('kposts',[...Array(7).keys()].map(i=>({user_id:2,title:'b'+i})),3).returning('title'));
 await step('stream', async()=>{let n=0; for await (const r of knex('kposts').select('id').stream()) n++; return n;});
 await step('alter', ()=>knex.schema.alterTable('kusers', t=>{ t.string('nick',20).defaultTo('n').notNullable(); t.renameColumn('note','remark'); t.dropColumn('f'); t.setNullable('name'); t.string('email',200).alter(); }).then(()=>0));
 await step('alter2', ()=>knex.schema.alterTable('kusers', t=>{ t.dropUnique(['email']); t.unique(['nick','email'],{indexName:'kuq'}); t.dropIndex('name'); t.foreign('s').references('kposts.id'); }).then(()=>0));
 await step('alter3', ()=>knex.schema.alterTable('kusers', t=>{ t.dropForeign('s'); t.dropUnique(['nick','email'],'kuq'); t.bigInteger('s').alter(); t.check('credit > -1000',[],'credit_ok'); }).then(()=>0));
 await step('colinfo2', async()=>Object.entries(await knex('kusers').columnInfo()).map(([k,v])=>[k,v.type,v.maxLength,v.nullable]));
 await step('view', ()=>knex.schema.createViewOrReplace('kv', v=>{v.columns(['id','name']); v.as(knex('kusers').select('id','name'))}).then(()=>0));
 await step('viewsel', ()=>knex('kv').orderBy('id'));
 await step('delete', ()=>knex('kposts').where('title','like','b%').del(['title']).then(r=>r.length));
 await step('truncate', ()=>knex('kposts').truncate().then(()=>0));
 await step('count', ()=>knex('kposts').count());
 await step('rename', ()=>knex.schema.renameTable('kposts','kp2').then(()=>0));
 await step('dropv', ()=>knex.schema.dropView('kv').then(()=>0));
 await step('dropall', ()=>knex.schema.dropTable('kp2').dropTable('kusers').then(()=>0));
 await step('dropmissing', ()=>knex.schema.dropTable('kp2'));
 await knex.destroy();
})();
