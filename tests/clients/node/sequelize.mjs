// Sequelize: models, associations, upserts, transactions, its query interface. Prints a line for each; what PostgreSQL makes it
// print is what Lakewire has to. `findOrCreate` makes a function in PL/pgSQL, and is left out.
//
//     node sequelize.mjs URL
import { Sequelize, DataTypes, Op, QueryTypes } from 'sequelize';

const sq = new Sequelize(process.argv[2].replace('postgresql','postgres'), {logging:false, dialect:'postgres'});
async function step(n, f){ try { const r = await f(); console.log(n,'|',JSON.stringify(r)); } catch(e){ console.log(n,'| failed |', e.name, (e.parent||e).code, e.message.split('\n')[0], (e.sql||'').slice(0,200)); } }
(async()=>{
 const User = sq.define('User',{ name:{type:DataTypes.STRING(60),allowNull:false}, email:{type:DataTypes.STRING,unique:true}, data:DataTypes.JSONB, tags:DataTypes.ARRAY(DataTypes.STRING), score:DataTypes.DECIMAL(10,2), f:DataTypes.FLOAT, day:DataTypes.DATEONLY, at:DataTypes.DATE, uid:{type:DataTypes.UUID,defaultValue:DataTypes.UUIDV4}, active:{type:DataTypes.BOOLEAN,defaultValue:true}, big:DataTypes.BIGINT, bin:DataTypes.BLOB, dbl:DataTypes.DOUBLE, txt:DataTypes.TEXT },{tableName:'squsers', indexes:[{fields:['name']},{fields:['score','day'],name:'sq_sd'}]});
 const Post = sq.define('Post',{ title:DataTypes.STRING, n:DataTypes.INTEGER },{tableName:'sqposts', timestamps:false});
 const Tag = sq.define('Tag',{ label:DataTypes.STRING },{tableName:'sqtags', timestamps:false});
 User.hasMany(Post,{as:'posts'}); Post.belongsTo(User); Post.belongsToMany(Tag,{through:'sqpt',timestamps:false}); Tag.belongsToMany(Post,{through:'sqpt',timestamps:false});
 await step('auth', ()=>sq.authenticate().then(()=>1));
 await step('version', ()=>sq.databaseVersion().then(v=>v.slice(0,3)));
 await step('sync', ()=>sq.sync({force:true}).then(()=>1));
 await step('sync again', ()=>sq.sync().then(()=>1));
 await step('alter', ()=>sq.sync({alter:true}).then(()=>1));
 await step('describe', async()=>Object.entries(await sq.getQueryInterface().describeTable('squsers')).map(([k,v])=>[k,v.type,v.allowNull,v.primaryKey]));
 await step('tables', async()=>(await sq.getQueryInterface().showAllTables()).filter(t=>t.startsWith('sq')).sort());
 await step('indexes', async()=>(await sq.getQueryInterface().showIndex('squsers')).map(i=>[i.name,i.unique,i.primary,i.fields.map(f=>f.attribute)]).sort());
 await step('create', ()=>User.create({name:'ann',email:'a@x',data:{a:{b:1},l:[1,2]},tags:['x','y'],score:'12.50',f:1.5,day:'2024-01-02',at:new Date('2024-01-02T03:04:05Z'),uid:'00000000-0000-4000-8000-000000000001',big:'9007199254740993',bin:Buffer.from('hi'),dbl:2.5,txt:'t'}).then(u=>[u.id,u.name,u.tags,u.score,u.big,u.active]));
 await step('bulk', ()=>User.bulkCreate([{name:'bob',email:'b@x',uid:'00000000-0000-4000-8000-000000000002'},{name:'cyd',email:'c@x',score:3,uid:'00000000-0000-4000-8000-000000000003'}],{returning:true}).then(us=>us.map(u=>[u.id,u.name])));
 await step('bulk upsert', ()=>User.bulkCreate([{name:'bob2',email:'b@x'},{name:'dan',email:'d@x'}],{updateOnDuplicate:['name'],returning:['id','name']}).then(us=>us.map(u=>[u.name])));
 await step('upsert', ()=>User.upsert({name:'bob3',email:'b@x',uid:'00000000-0000-4000-8000-000000000005'}).then(([u,c])=>[u.name,c]));
 await step('findAll', ()=>User.findAll({where:{score:{[Op.gt]:1}},order:[['id','ASC']]}).then(us=>us.map(u=>[u.id,u.name,u.score,u.data,u.day,u.at&&u.at.toISOString(),u.bin&&u.bin.toString()])));
 await step('json', ()=>User.findAll({where:{data:{a:{b:1}}}}).then(us=>us.map(u=>u.id)));
 await step('json2', ()=>User.findAll({where:{'data.a.b':{[Op.gte]:1}}}).then(us=>us.map(u=>u.id)));
 await step('contains', ()=>User.findAll({where:{tags:{[Op.contains]:['x']}}}).then(us=>us.map(u=>u.id)));
 await step('overlap', ()=>User.findAll({where:{tags:{[Op.overlap]:['x','z']}}}).then(us=>us.map(u=>u.id)));
 await step('ilike', ()=>User.count({where:{name:{[Op.iLike]:'B%'}}}));
 await step('any', ()=>User.findAll({where:{name:{[Op.like]:{[Op.any]:['a%','c%']}}},order:['id']}).then(us=>us.map(u=>u.name)));
 await step('posts', async()=>{const u=await User.findByPk(1); await u.createPost({title:'p1',n:1}); await u.createPost({title:'p2',n:2}); const t=await Tag.create({label:'red'}); const p=await Post.findOne({where:{title:'p1'}}); await p.addTag(t); return (await u.getPosts({order:['id']})).map(p=>p.title);});
 await step('include', ()=>User.findAll({include:[{model:Post,as:'posts',include:[Tag]}],order:[['id','ASC'],[{model:Post,as:'posts'},'id','ASC']]}).then(us=>us.map(u=>[u.name,u.posts.map(p=>[p.title,p.Tags.map(t=>t.label)])])));
 await step('include limit', ()=>User.findAll({include:[{model:Post,as:'posts'}],limit:2,order:[['id','DESC']]}).then(us=>us.map(u=>[u.name,u.posts.length])));
 await step('include where', ()=>User.findAll({include:[{model:Post,as:'posts',where:{n:{[Op.gt]:1}},required:true}],limit:2}).then(us=>us.map(u=>[u.name,u.posts.length])));
 await step('separate', ()=>User.findAll({include:[{model:Post,as:'posts',separate:true,limit:1,order:['id']}],order:['id']}).then(us=>us.map(u=>[u.name,u.posts.length])));
 await step('count incl', ()=>User.count({include:[{model:Post,as:'posts'}],distinct:true}));
 await step('findAndCount', ()=>User.findAndCountAll({limit:1,offset:1,order:['id']}).then(r=>[r.count,r.rows.map(u=>u.name)]));
 await step('group', ()=>Post.findAll({attributes:['UserId',[sq.fn('COUNT',sq.col('id')),'c'],[sq.fn('SUM',sq.col('n')),'s']],group:['UserId'],having:sq.where(sq.fn('COUNT',sq.col('id')),Op.gt,0),raw:true}));
 await step('sum', ()=>User.sum('score')); await step('max', ()=>User.max('day')); await step('avg', ()=>User.aggregate('score','avg',{dataType:'float'}));
 await step('update', ()=>User.update({score:sq.literal('score + 1')},{where:{id:1},returning:true}).then(([n,r])=>[n,r.map(u=>u.score)]));
 await step('increment', ()=>User.increment({score:2},{where:{id:1}}).then(r=>1));
 await step('save', async()=>{const u=await User.findByPk(1); u.name='ann2'; u.data={z:1}; await u.save(); await u.reload(); return [u.name,u.data,u.score];});
 await step('tx', ()=>sq.transaction(async t=>{ await User.update({txt:'in'},{where:{id:1},transaction:t}); const u=await User.findByPk(1,{transaction:t,lock:t.LOCK.UPDATE}); return u.txt; }));
 await step('tx rollback', ()=>sq.transaction(async t=>{ await User.update({txt:'out'},{where:{id:1},transaction:t}); throw new Error('x'); }));
 await step('tx nested', ()=>sq.transaction(async t=>{ await User.update({txt:'o1'},{where:{id:1},transaction:t}); try{ await sq.transaction({transaction:t}, async t2=>{ await User.update({txt:'o2'},{where:{id:1},transaction:t2}); throw new Error('x');}); }catch(e){} return (await User.findByPk(1,{transaction:t})).txt; }));
 await step('serializable', ()=>sq.transaction({isolationLevel:'SERIALIZABLE'}, async t=>User.count({transaction:t})));
 await step('raw', ()=>sq.query('select name, :x::int as x from squsers where id in (:ids) order by id',{replacements:{x:5,ids:[1,2]},type:QueryTypes.SELECT}));
 await step('bind', ()=>sq.query('select $1::text as t, $2::int + 1 as n',{bind:['q',4],type:QueryTypes.SELECT}));
 await step('notnull', ()=>User.create({email:'q@x'}));
 await step('destroy', ()=>Post.destroy({where:{title:'p2'}}));
 await step('qi', async()=>{const q=sq.getQueryInterface(); await q.addColumn('sqposts','extra',{type:DataTypes.STRING,defaultValue:'e'}); await q.renameColumn('sqposts','extra','more'); await q.changeColumn('sqposts','more',{type:DataTypes.TEXT}); await q.addIndex('sqposts',['more']); await q.removeIndex('sqposts',['more']); await q.addConstraint('sqposts',{fields:['title'],type:'unique',name:'uq_t'}); await q.removeConstraint('sqposts','uq_t'); await q.removeColumn('sqposts','more'); return Object.keys(await q.describeTable('sqposts'));});
 await step('truncate', ()=>Post.truncate({cascade:true}).then(()=>1));
 await step('drop', ()=>sq.drop({cascade:true}).then(()=>1));
 await sq.close();
})();
