"""SQLAlchemy's ORM and pandas: models, loaders, expressions of every kind, upserts, reflection, data frames. Prints a line for each;
what PostgreSQL makes it print is what Lakewire has to.

    sqlalchemy_orm.py URL
"""
import datetime
import decimal
import sys
import uuid
import warnings

import pandas as pd
from sqlalchemy import *
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID, aggregate_order_by
from sqlalchemy.dialects.postgresql import insert as pginsert
from sqlalchemy.orm import *

warnings.simplefilter("ignore")
eng = create_engine(sys.argv[1].replace("postgresql:", "postgresql+psycopg:"))


def step(name, made):
    try:
        print(name, made(), sep=" | ")
    except Exception as error:  # what fails on both is alike, too
        print(name, "failed", type(error).__name__, str(error).splitlines()[0], sep=" | ")


def S():
    return Session(eng)


class Base(DeclarativeBase): pass
class User(Base):
    __tablename__='sa_user'
    id: Mapped[int]=mapped_column(primary_key=True); name: Mapped[str]=mapped_column(String(50)); email: Mapped[str|None]=mapped_column(unique=True)
    meta: Mapped[dict|None]=mapped_column(JSONB); tags: Mapped[list[str]|None]=mapped_column(ARRAY(Text)); uid: Mapped[uuid.UUID|None]=mapped_column(UUID)
    created: Mapped[datetime.datetime]=mapped_column(DateTime(timezone=True),server_default=func.now()); kind: Mapped[str]=mapped_column(server_default='x')
    addresses: Mapped[list['Address']]=relationship(back_populates='user',cascade='all, delete-orphan')
class Address(Base):
    __tablename__='sa_address'
    id: Mapped[int]=mapped_column(primary_key=True); street: Mapped[str]; user_id: Mapped[int]=mapped_column(ForeignKey('sa_user.id')); amount: Mapped[decimal.Decimal]=mapped_column(Numeric(10,2)); day: Mapped[datetime.date|None]
    user: Mapped[User]=relationship(back_populates='addresses')
S=lambda: Session(eng)
step('drop',lambda: Base.metadata.drop_all(eng))
step('create',lambda: Base.metadata.create_all(eng))
def ins():
    with S() as s:
        s.add_all([User(id=i,name=n,email=n+'@x',meta={'a':i,'l':[1,2]},tags=['t%d'%i,'all'],uid=uuid.UUID(int=i),addresses=[Address(id=i*10+j,street=f's{j}',amount=decimal.Decimal('1.50')*j+i,day=datetime.date(2024,1+j,1)) for j in range(3)]) for i,n in enumerate(['ann','bob','cy'],1)]); s.commit(); return 'ok'
step('insert',ins)
step('select',lambda: [(u.id,u.name,u.meta,u.tags,str(u.uid)) for u in S().scalars(select(User).where(User.id<4).order_by(User.id))])
step('joinedload',lambda: [(u.name,sorted(a.street for a in u.addresses)) for u in S().scalars(select(User).options(joinedload(User.addresses)).order_by(User.id)).unique()])
step('selectin',lambda: [(u.name,len(u.addresses)) for u in S().scalars(select(User).options(selectinload(User.addresses)).order_by(User.id))])
step('subqueryload',lambda: [(u.name,len(u.addresses)) for u in S().scalars(select(User).options(subqueryload(User.addresses)).order_by(User.id).limit(2))])
step('joined limit',lambda: [(u.name,len(u.addresses)) for u in S().scalars(select(User).options(joinedload(User.addresses)).order_by(User.id.desc()).limit(2)).unique()])
step('json',lambda: S().scalars(select(User.name).where(User.meta['a'].as_integer()>1).order_by(User.id)).all())
step('json path',lambda: S().scalars(select(User.meta[('l','0')].astext).order_by(User.id)).all())
step('contains',lambda: S().scalars(select(User.name).where(User.meta.contains({'a':1}))).all())
step('has_key',lambda: S().scalar(select(func.count()).where(User.meta.has_key('a'))))
step('array any',lambda: S().scalars(select(User.name).where(User.tags.any('t1'))).all())
step('array contains',lambda: S().scalars(select(User.name).where(User.tags.contains(['all'])).order_by(User.id)).all())
step('array overlap',lambda: S().scalar(select(func.count()).where(User.tags.overlap(['t1','t2']))))
step('array idx',lambda: S().scalars(select(User.tags[1]).order_by(User.id)).all())
step('tuple in',lambda: S().execute(select(Address.id).where(tuple_(Address.user_id,Address.street).in_([(1,'s0'),(2,'s1')])).order_by(Address.id)).all())
step('tuple >',lambda: S().execute(select(Address.id).where(tuple_(Address.user_id,Address.id)>tuple_(literal(2),literal(20))).order_by(Address.id)).all())
step('agg',lambda: S().execute(select(User.name,func.count(Address.id),func.sum(Address.amount),func.max(Address.day)).outerjoin(Address).group_by(User.id).order_by(User.id)).all())
step('array_agg',lambda: S().execute(select(Address.user_id,func.array_agg(aggregate_order_by(Address.street,Address.id.desc())),func.string_agg(Address.street,aggregate_order_by(literal(','),Address.id))).group_by(Address.user_id).order_by(Address.user_id)).all())
step('filter',lambda: S().execute(select(func.count().filter(Address.amount>2),func.percentile_cont(0.5).within_group(Address.amount)).select_from(Address)).all())
step('frame',lambda: S().execute(select(Address.id,func.sum(Address.amount).over(order_by=Address.id,rows=(-1,0)),func.count().over(order_by=Address.id,rows=(-2,1))).order_by(Address.id)).all())
step('window',lambda: S().execute(select(Address.id,func.row_number().over(partition_by=Address.user_id,order_by=Address.amount.desc()),func.sum(Address.amount).over(order_by=Address.id)).order_by(Address.id)).all())
step('cte',lambda: (lambda c: S().execute(select(c.c.n,func.sum(c.c.amount)).group_by(c.c.n).order_by(c.c.n)).all())(select(Address,User.name.label('n')).join(User).cte('c')))
step('lateral',lambda: (lambda l: S().execute(select(User.name,l.c.street).join(l,true()).order_by(User.id)).all())(select(Address.street).where(Address.user_id==User.id).order_by(Address.id.desc()).limit(1).lateral()))
step('correlated',lambda: S().execute(select(User.name,select(func.max(Address.amount)).where(Address.user_id==User.id).scalar_subquery()).order_by(User.id)).all())
step('exists',lambda: S().scalars(select(User.name).where(User.addresses.any(Address.street=='s2')).order_by(User.id)).all())
step('not exists',lambda: S().scalars(select(User.name).where(~User.addresses.any()).order_by(User.id)).all())
step('case',lambda: S().execute(select(case((Address.amount>3,'hi'),else_='lo').label('k'),func.count()).group_by('k').order_by('k')).all())
step('values',lambda: (lambda v: S().execute(select(v.c.b,User.name).join(User,User.id==v.c.a).order_by(v.c.a)).all())(values(column('a',Integer),column('b',String),name='v').data([(1,'x'),(2,'y')])))
step('unnest',lambda: S().execute(select(User.id,func.unnest(User.tags).label('t')).order_by(User.id,'t')).all())
step('json_each',lambda: (lambda f: S().execute(select(User.id,f.c.key).select_from(User,f).where(User.id==1).order_by(f.c.key)).all())(func.jsonb_each(User.meta).table_valued('key','value',name='f')))
def upd():
    with S() as s:
        r=s.execute(update(User).where(User.id==1).values(name=User.name+'!').returning(User.name)).all(); u=s.get(User,2); u.meta={**u.meta,'z':1}; u.tags=u.tags+['n']; s.commit(); return r, s.get(User,2).tags
step('update',upd)
def upd2():
    with S() as s:
        r=s.execute(update(Address).where(Address.user_id==User.id,User.name=='bob').values(amount=Address.amount*2)).rowcount; s.commit(); return r
step('update from',upd2)
def bulk():
    with S() as s:
        s.execute(update(Address),[{'id':10,'street':'q'},{'id':11,'street':'r'}]); s.commit(); return s.scalars(select(Address.street).where(Address.id.in_([10,11])).order_by(Address.id)).all()
step('bulk update',bulk)
def ups():
    with S() as s:
        st=pginsert(User).values([{'id':1,'name':'up','email':'ann@x'},{'id':9,'name':'new','email':'new@x'}]); st=st.on_conflict_do_update(index_elements=['id'],set_={'name':st.excluded.name}).returning(User.id,User.name); r=sorted(s.execute(st).all()); s.execute(pginsert(User).values(id=9,name='no').on_conflict_do_nothing()); s.commit(); return r
step('upsert',ups)
def many():
    with S() as s:
        r=s.scalars(insert(Address).returning(Address.id,sort_by_parameter_order=True),[{'id':100+i,'street':'m','user_id':1,'amount':i} for i in range(50)]).all(); s.commit(); return len(r),r[:3]
step('insertmany',many)
def sp():
    with S() as s:
        s.execute(update(User).where(User.id==2).values(kind='a'))
        try:
            with s.begin_nested(): s.execute(text('select 1/0'))
        except Exception as e: pass
        s.commit(); return s.scalar(select(User.kind).where(User.id==2))
step('savepoint',sp)
def dele():
    with S() as s:
        s.delete(s.get(User,3)); s.commit(); return s.scalar(select(func.count()).select_from(Address).where(Address.user_id==3))
step('cascade delete',dele)
step('delete returning',lambda: (lambda s: (s.execute(delete(Address).where(Address.id>=100).returning(Address.id)).all().__len__(), s.commit())[0])(S()))
step('stream',lambda: sum(1 for _ in S().execute(select(Address).execution_options(yield_per=2))))
step('for update',lambda: S().scalars(select(User.name).where(User.id==2).with_for_update()).all())
step('union',lambda: S().execute(union_all(select(User.name),select(Address.street)).order_by('name').limit(4)).all())
step('intersect',lambda: S().execute(intersect(select(User.id),select(Address.user_id)).order_by('id')).all())
step('extract',lambda: S().execute(select(extract('month',Address.day),func.date_trunc('quarter',Address.day),func.to_char(Address.day,'YYYY-MM')).where(Address.id<13).order_by(Address.id)).all())
step('cast',lambda: S().execute(select(cast(Address.amount,Integer),cast(Address.id,String)+'x',type_coerce(Address.id,Integer)).order_by(Address.id).limit(2)).all())
step('distinct on',lambda: S().execute(select(Address.user_id,Address.street).distinct(Address.user_id).order_by(Address.user_id,Address.amount.desc())).all())
step('rec cte',lambda: (lambda c: S().execute(select(c.union_all(select(c.c.n+1).where(c.c.n<4)).c.n)).scalars().all())(select(literal(1).label('n')).cte('t',recursive=True)))
i=lambda: inspect(eng)
step('inspect',lambda: [(c['name'],str(c['type']),c['nullable'],c['default']) for c in i().get_columns('sa_user') if c['name']!='id'])
step('inspect2',lambda: (i().get_pk_constraint('sa_address'),[(f['name'],f['constrained_columns'],f['referred_table'],f['referred_columns']) for f in i().get_foreign_keys('sa_address')],i().get_unique_constraints('sa_user'),i().get_indexes('sa_user')))
step('automap',lambda: (lambda m: (m.reflect(eng,only=['sa_user','sa_address']), sorted(m.tables), [str(f.target_fullname) for f in m.tables['sa_address'].foreign_keys])[1:])(MetaData()))
close_all_sessions()
df=pd.DataFrame({'a':[1,2,None],'b':['x',None,'z'],'c':[1.5,2.5,float('nan')],'d':pd.to_datetime(['2024-01-01 00:00:00','2024-01-02 03:04:05',None]),'e':[True,False,None],'f':pd.to_datetime(['2024-01-01','2024-01-02','2024-01-03'],utc=True)})
step('to_sql',lambda: df.to_sql('pd_t',eng,if_exists='replace',index=False))
step('to_sql multi',lambda: df.to_sql('pd_t',eng,if_exists='append',index=False,method='multi',chunksize=2))
step('read_sql',lambda: pd.read_sql('select * from pd_t order by a, c, f',eng).to_string())
step('read table',lambda: (lambda d:(d.dtypes.astype(str).to_dict(),len(d)))(pd.read_sql_table('pd_t',eng)))
step('read params',lambda: pd.read_sql(text('select * from pd_t where a = :a'),eng,params={'a':1}).shape)
step('pivot',lambda: pd.read_sql('select b, count(*) n, avg(c) m from pd_t group by b',eng).sort_values('b').to_dict('list'))
close_all_sessions()
step('drop again',lambda: Base.metadata.drop_all(eng))
