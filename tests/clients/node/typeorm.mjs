// TypeORM: its entities, its schema builder (the second run finds nothing to change), its query builder and runner. Prints a
// line for each; what PostgreSQL makes it print is what Lakewire has to.
//
//     node typeorm.mjs URL
import 'reflect-metadata';
import typeorm from 'typeorm';

const { DataSource, EntitySchema, In, Like, MoreThan, Between, IsNull, Not, Raw, ArrayContains, ILike } = typeorm;
const U = new EntitySchema({name:'TUser',tableName:'tusers',columns:{ id:{type:'int',primary:true,generated:'increment'}, name:{type:'varchar',length:50}, email:{type:'varchar',unique:true,nullable:true}, data:{type:'jsonb',nullable:true}, tags:{type:'text',array:true,nullable:true}, score:{type:'numeric',precision:10,scale:2,default:0}, at:{type:'timestamptz',nullable:true}, day:{type:'date',nullable:true}, uid:{type:'uuid',nullable:true}, created:{type:'timestamp',createDate:true}, updated:{type:'timestamp',updateDate:true}, ver:{type:'int',version:true}, del:{type:'timestamp',deleteDate:true,nullable:true}, simple:{type:'simple-json',nullable:true}, arr:{type:'simple-array',nullable:true}, flag:{type:'boolean',default:true} },indices:[{columns:['name']},{name:'t_sd',columns:['score','day']}],relations:{posts:{type:'one-to-many',target:'TPost',inverseSide:'user',cascade:true}}});
const P = new EntitySchema({name:'TPost',tableName:'tposts',columns:{id:{type:'bigint',primary:true,generated:'increment'},title:{type:'varchar'},n:{type:'int',default:5}},relations:{user:{type:'many-to-one',target:'TUser',inverseSide:'posts',onDelete:'CASCADE',joinColumn:true},cats:{type:'many-to-many',target:'TCat',joinTable:true,cascade:true}},uniques:[{columns:['title','n']}],checks:[{expression:'"n" > 0'}]});
const C = new EntitySchema({name:'TCat',tableName:'tcats',columns:{id:{type:'int',primary:true,generated:'increment'},label:{type:'varchar'}}});
const V = new EntitySchema({name:'TV',tableName:'tv',type:'view',expression:'select id, name from tusers',columns:{id:{type:'int'},name:{type:'varchar'}}});
async function step(n, f){ try { const r = await f(); console.log(n,'|',JSON.stringify(r)); } catch(e){ console.log(n,'| failed |', e.name, e.code, e.message.split('\n')[0], (e.query||'').slice(0,300)); } }
(async()=>{
 const ds = new DataSource({type:'postgres',url:process.argv[2],entities:[U,P,C,V],logging:false});
 await step('init', ()=>ds.initialize().then(()=>1));
 await step('sync', ()=>ds.synchronize(true).then(()=>1));
 await step('sync again', async()=>{ const b=ds.driver.createSchemaBuilder(); const l=await b.log(); return l.upQueries.map(q=>q.query); });
 const us=ds.getRepository('TUser'), ps=ds.getRepository('TPost');
 await step('save', ()=>us.save({name:'ann',email:'a@x',data:{a:[1]},tags:['x'],score:'5.25',at:new Date('2024-01-02T03:04:05Z'),day:'2024-01-02',uid:'00000000-0000-4000-8000-000000000001',simple:{k:1},arr:['p','q'],posts:[{title:'p1'},{title:'p2',n:3,cats:[{label:'red'}]}]}).then(u=>[u.id,u.ver,u.score,u.posts.map(p=>[p.id,p.n])]));
 await step('save many', ()=>us.save([{name:'bob',email:'b@x'},{name:'cyd'}]).then(us=>us.map(u=>[u.id,u.flag,u.score])));
 await step('find', ()=>us.find({order:{id:'ASC'}}).then(us=>us.map(u=>[u.id,u.name,u.data,u.tags,u.score,u.at,u.day,u.uid,u.simple,u.arr,u.ver])));
 await step('relations', ()=>us.find({relations:{posts:{cats:true}},order:{id:'ASC',posts:{id:'ASC'}}}).then(us=>us.map(u=>[u.name,u.posts.map(p=>[p.title,p.cats.map(c=>c.label)])])));
 await step('rel take', ()=>us.find({relations:{posts:true},order:{id:'DESC'},take:2,skip:1}).then(us=>us.map(u=>[u.name,u.posts.length])));
 await step('where', ()=>us.find({where:[{name:In(['ann','cyd'])},{name:Like('b%'),score:MoreThan(1)}],order:{id:'ASC'}}).then(us=>us.map(u=>u.name)));
 await step('where2', ()=>us.find({where:{email:Not(IsNull()),id:Between(1,5),tags:ArrayContains(['x'])}}).then(us=>us.map(u=>u.name)));
 await step('raw', ()=>us.find({where:{name:Raw(a=>`lower(${a}) = :v`,{v:'ann'})}}).then(us=>us.length));
 await step('count', ()=>us.countBy({name:ILike('%N%')})); await step('sum', ()=>us.sum('score')); await step('max', ()=>us.maximum('id')); await step('exists', ()=>us.existsBy({name:'bob'}));
 await step('update', async()=>{const u=await us.findOneBy({id:1}); u.name='ann2'; u.data={b:2}; await us.save(u); return [u.ver,u.name];});
 await step('update qb', ()=>us.createQueryBuilder().update().set({score:()=>'score + 1'}).where('id = :id',{id:1}).returning(['score','id']).execute().then(r=>[r.affected,r.raw]));
 await step('upsert', ()=>us.upsert([{name:'bob3',email:'b@x'},{name:'eve',email:'e@x'}],['email']).then(r=>r.identifiers.length));
 await step('upsert2', ()=>us.createQueryBuilder().insert().values({name:'bob4',email:'b@x'}).orUpdate(['name'],['email'],{skipUpdateIfNoValuesChanged:true}).execute().then(r=>r.raw.length));
 await step('ignore', ()=>us.createQueryBuilder().insert().values({name:'bob4',email:'b@x'}).orIgnore().execute().then(r=>r.raw.length));
 await step('qb', ()=>us.createQueryBuilder('u').leftJoinAndSelect('u.posts','p','p.n > :n',{n:1}).where('u.name like :x',{x:'a%'}).orderBy('u.id').addOrderBy('p.id').getMany().then(us=>us.map(u=>[u.name,u.posts.map(p=>p.title)])));
 await step('qb raw', ()=>ps.createQueryBuilder('p').select('p.userId','uid').addSelect('count(*)','c').addSelect('sum(p.n)','s').groupBy('p.userId').having('count(*) > :c',{c:0}).getRawMany());
 await step('qb sub', ()=>us.createQueryBuilder('u').where(q=>'u.id in '+q.subQuery().select('p.userId').from('TPost','p').where('p.n > 1').getQuery()).getCount());
 await step('qb distinct', ()=>us.createQueryBuilder('u').distinctOn(['u.name']).orderBy('u.name').getMany().then(u=>u.length));
 await step('qb page', ()=>us.createQueryBuilder('u').leftJoinAndSelect('u.posts','p').orderBy('u.id').take(2).getManyAndCount().then(([u,c])=>[u.length,c]));
 await step('qb exists', ()=>us.createQueryBuilder('u').where('u.id > 0').getExists());
 await step('stream', async()=>{ const s=await us.createQueryBuilder('u').stream(); let n=0; await new Promise((a,b)=>{s.on('data',()=>n++);s.on('end',a);s.on('error',b)}); return n;});
 await step('softdelete', async()=>{await us.softDelete(3); return [await us.count(), await us.count({withDeleted:true})];});
 await step('restore', async()=>{await us.restore(3); return us.count();});
 await step('increment', ()=>us.increment({id:1},'score',2).then(r=>r.affected));
 await step('tx', ()=>ds.transaction('SERIALIZABLE',async m=>{ await m.update('TUser',1,{name:'t1'}); return (await m.findOneBy('TUser',{id:1})).name; }));
 await step('tx rb', ()=>ds.transaction(async m=>{ await m.update('TUser',1,{name:'t2'}); throw new Error('no'); }));
 await step('lock', ()=>ds.transaction(async m=>(await m.findOne('TUser',{where:{id:1},lock:{mode:'pessimistic_write'}})).name));
 await step('nested', ()=>ds.transaction(async m=>{ await m.transaction(async m2=>{ await m2.update('TUser',1,{name:'n1'}); }); try{ await m.transaction(async m2=>{ await m2.update('TUser',1,{name:'n2'}); throw new Error('q'); }); }catch(e){} return (await m.findOneBy('TUser',{id:1})).name; }));
 await step('view', ()=>ds.getRepository('TV').find({order:{id:'ASC'}}).then(v=>v.length));
 await step('check', ()=>ps.save({title:'bad',n:-1}));
 await step('remove', async()=>{const p=await ps.findOneBy({title:'p2'}); await ps.remove(p); return ps.count();});
 await step('delete', ()=>ps.delete({title:'p1'}).then(r=>r.affected));
 const {Table,TableColumn,TableIndex,TableForeignKey}=typeorm;
 await step('runner', async()=>{const q=ds.createQueryRunner(); await q.createTable(new Table({name:'tr',columns:[{name:'id',type:'int',isPrimary:true,isGenerated:true,generationStrategy:'increment'},{name:'a',type:'varchar'},{name:'user_id',type:'int'}]}),true); await q.addColumn('tr',new TableColumn({name:'b',type:'int',isNullable:true,default:3})); await q.createIndex('tr',new TableIndex({name:'tr_a',columnNames:['a']})); await q.createForeignKey('tr',new TableForeignKey({columnNames:['user_id'],referencedTableName:'tusers',referencedColumnNames:['id'],name:'tr_fk'})); const t=await q.getTable('tr'); const told=[t.columns.map(c=>[c.name,c.type,c.isNullable,c.isPrimary,c.default&&c.default.slice(0,7)]),t.indices.map(i=>[i.name,i.columnNames]),t.foreignKeys.map(f=>[f.name,f.columnNames,f.referencedTableName])]; await q.renameColumn('tr','a','aa'); await q.changeColumn('tr','b',new TableColumn({name:'b',type:'bigint',isNullable:true})); await q.dropForeignKey('tr','tr_fk'); await q.dropIndex('tr','tr_a'); await q.dropColumn('tr','b'); await q.renameTable('tr','tr2'); await q.dropTable('tr2'); await q.release(); return told;});
 await step('drop', ()=>ds.dropDatabase().then(()=>1));
 await ds.destroy();
})();
