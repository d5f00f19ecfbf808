"""Django's ORM: models made, changed and looked at, queries of every kind, transactions, its own migrations and users. Prints a
line for each; what PostgreSQL makes it print is what Lakewire has to.

    django_orm.py URL
"""
import datetime
import decimal
import io
import sys
import uuid
from urllib.parse import urlsplit

import django
from django.conf import settings

url = urlsplit(sys.argv[1])
settings.configure(
    SECRET_KEY="x",
    USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "__main__"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path.lstrip("/"),
            "USER": url.username,
            "HOST": url.hostname,
            "PORT": url.port,
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.db.models import (  # noqa: E402
    Avg, Case, Count, Exists, ExpressionWrapper, F, Max, OuterRef, Q, Subquery, Sum, Value, When, Window,
)
from django.db.models.functions import (  # noqa: E402
    Cast, Coalesce, Concat, Length, Lower, LPad, Now, Rank, Replace, Substr, TruncMonth,
)
from django.core.management import call_command  # noqa: E402


class Customer(models.Model):
    name=models.CharField(max_length=100); email=models.EmailField(unique=True,null=True); created=models.DateTimeField(auto_now_add=True); active=models.BooleanField(default=True); data=models.JSONField(default=dict); uid=models.UUIDField(default=uuid.uuid4)

    class Meta:
        app_label = '__main__'
        db_table='dj_customer'
class Order(models.Model):
    customer=models.ForeignKey(Customer,on_delete=models.CASCADE,related_name='orders'); total=models.DecimalField(max_digits=10,decimal_places=2); placed=models.DateField(); note=models.TextField(blank=True,default=''); rate=models.FloatField(default=0); n=models.IntegerField(default=0); small=models.SmallIntegerField(default=1)

    class Meta:
        app_label = '__main__'
        db_table='dj_order'; indexes=[models.Index(fields=['placed'],name='dj_placed')]

def step(name, made):
    try:
        print(name, made(), sep=" | ")
    except Exception as error:  # what fails on both is alike, too
        print(name, "failed", type(error).__name__, str(error).splitlines()[0], sep=" | ")


def refused(made):
    try:
        return made()
    except django.db.IntegrityError as error:
        return str(error).splitlines()[0]


def make():
    with connection.schema_editor() as s:
        s.create_model(Customer); s.create_model(Order)
step('create', make)
step('insert', lambda: [Customer.objects.create(name=n,email=f'{n}@x.org',data={'k':i,'t':['a','b']}).pk for i,n in enumerate(['ann','bob','cy'])])
step('bulk', lambda: len(Order.objects.bulk_create([Order(customer_id=1+i%3,total=decimal.Decimal(i)*3,placed=datetime.date(2024,1+i%12,1),n=i,rate=i/7) for i in range(20)])))
step('get', lambda: Customer.objects.get(pk=1).name)
step('get email', lambda: Customer.objects.get(email__iexact='BOB@x.org').name)
step('filter', lambda: list(Order.objects.filter(total__gt=10,placed__year=2024,customer__name__startswith='a').order_by('-total').values_list('total','placed')))
step('contains', lambda: list(Customer.objects.filter(name__icontains='N').order_by('id').values_list('name',flat=True)))
step('regex', lambda: list(Customer.objects.filter(name__regex=r'^[ab]').order_by('id').values_list('name',flat=True)))
step('annotate', lambda: list(Customer.objects.annotate(n=Count('orders'),s=Sum('orders__total'),a=Avg('orders__rate')).order_by('id').values_list('name','n','s','a')))
step('annotate obj', lambda: [(c.name,c.n,c.data) for c in Customer.objects.annotate(n=Count('orders')).order_by('id')])
step('having', lambda: list(Customer.objects.annotate(n=Count('orders',filter=Q(orders__total__gt=20))).filter(n__gte=3).values_list('name','n').order_by('name')))
step('trunc', lambda: list(Order.objects.annotate(m=TruncMonth('placed')).values('m').annotate(s=Sum('total')).order_by('m')[:3]))
step('extract', lambda: list(Order.objects.values('placed__quarter').annotate(c=Count('*')).order_by('placed__quarter')))
step('json', lambda: list(Customer.objects.filter(data__k=1).values_list('name','data__t')))
step('json contains', lambda: list(Customer.objects.filter(data__contains={'k':2}).values_list('name',flat=True)))
step('json has_key', lambda: Customer.objects.filter(data__has_key='t').count())
step('json idx', lambda: list(Customer.objects.filter(data__t__0='a').order_by('id').values_list('name',flat=True)))
step('subquery', lambda: list(Customer.objects.annotate(last=Subquery(Order.objects.filter(customer=OuterRef('pk')).order_by('-placed','-id').values('total')[:1])).order_by('id').values_list('name','last')))
step('exists', lambda: list(Customer.objects.filter(Exists(Order.objects.filter(customer=OuterRef('pk'),total__gt=50))).order_by('id').values_list('name',flat=True)))
step('select_related', lambda: [(o.total,o.customer.name) for o in Order.objects.select_related('customer').order_by('id')[:2]])
step('prefetch', lambda: [(c.name,len(c.orders.all())) for c in Customer.objects.prefetch_related('orders').order_by('id')])
step('window', lambda: list(Order.objects.annotate(r=Window(Rank(),partition_by='customer_id',order_by=F('total').desc())).order_by('id').values_list('r',flat=True)[:5]))
step('case', lambda: list(Order.objects.annotate(k=Case(When(total__gt=30,then=Value('big')),default=Value('small'))).values('k').annotate(c=Count('id')).order_by('k')))
step('F update', lambda: Order.objects.filter(n__lt=5).update(total=F('total')+1,note=Concat(Value('n='),Cast('n',models.CharField()))))
step('save', lambda: (lambda c:(setattr(c,'name','ann2'),c.save(),Customer.objects.get(pk=c.pk).name))(Customer.objects.get(pk=1))[-1])
step('get_or_create', lambda: Customer.objects.get_or_create(name='dora',defaults={'email':'d@x.org'})[1])
step('update_or_create', lambda: Customer.objects.update_or_create(name='dora',defaults={'active':False})[1])
step('bulk ignore', lambda: len(Customer.objects.bulk_create([Customer(name='z',email='d@x.org')],ignore_conflicts=True)))
step('bulk upsert', lambda: len(Customer.objects.bulk_create([Customer(name='dora9',email='d@x.org')],update_conflicts=True,update_fields=['name'],unique_fields=['email'])))
step('names', lambda: list(Customer.objects.order_by('id').values_list('id','name','email')))
step('bulk_update', lambda: Order.objects.bulk_update([(lambda o:(setattr(o,'n',99),o)[1])(o) for o in Order.objects.filter(id__lte=3)],['n']))
step('in_bulk', lambda: sorted(Order.objects.in_bulk([1,2,3])))
step('union', lambda: list(Customer.objects.values_list('name').union(Order.objects.values_list('note')).order_by('name')))
step('distinct on', lambda: list(Order.objects.order_by('customer_id','-total').distinct('customer_id').values_list('customer_id','total')))
step('dates', lambda: list(Order.objects.dates('placed','month')[:3]))
step('agg', lambda: Order.objects.aggregate(a=Avg('total'),mx=Max('placed'),c=Count('customer',distinct=True)))
step('iterator', lambda: sum(1 for _ in Order.objects.iterator(chunk_size=5)))
step('for update', lambda: transaction.atomic(lambda: Order.objects.select_for_update().get(pk=1).n)())
def atomic():
    try:
        with transaction.atomic():
            Order.objects.filter(pk=1).update(n=1)
            with transaction.atomic():
                Order.objects.filter(pk=2).update(n=2)
            raise ValueError
    except ValueError: pass
    return list(Order.objects.filter(pk__in=[1,2]).order_by('pk').values_list('n',flat=True))
step('atomic', atomic)
step('null', lambda: refused(lambda: Customer.objects.create(name=None)))
step('delete', lambda: Customer.objects.filter(name='cy').delete())
step('raw', lambda: [c.name for c in Customer.objects.raw('select * from dj_customer where id = %s',[2])])
step('explain', lambda: Customer.objects.filter(pk=1).explain()[:20] != '')
step('coalesce', lambda: [(name, float(t)) for name, t in Customer.objects.annotate(t=Coalesce(Sum('orders__total'),Value(decimal.Decimal(0)))).order_by('id').values_list('name','t')])
step('lower len', lambda: list(Customer.objects.annotate(l=Length(Lower('name')),s=Substr('name',1,2),r=Replace('name',Value('a'),Value('b')),p=LPad('name',6,Value('*'))).order_by('id').values_list('l','s','r','p')))
step('now', lambda: Customer.objects.filter(created__lte=Now(),created__date=datetime.date.today()).count())
step('range', lambda: Order.objects.filter(placed__range=(datetime.date(2024,2,1),datetime.date(2024,4,1))).count())
step('datediff', lambda: list(Order.objects.annotate(d=ExpressionWrapper(Value(datetime.date(2024,12,31))-F('placed'),output_field=models.DurationField())).order_by('id').values_list('d',flat=True)[:2]))
def alter():
    f=models.CharField(max_length=20,default='n'); f.set_attributes_from_name('extra'); f.model=Customer
    with connection.schema_editor() as s: s.add_field(Customer,f)
    with connection.schema_editor() as s: s.remove_field(Customer,f)
    with connection.schema_editor() as s: s.add_index(Customer, models.Index(fields=['name'],name='dj_name'))
    with connection.schema_editor() as s: s.add_constraint(Order, models.CheckConstraint(condition=Q(total__gte=0),name='pos'))
step('alter', alter)
step('introspect', lambda: (sorted(connection.introspection.table_names())[:3], [f.name for f in connection.introspection.get_table_description(connection.cursor(),'dj_customer')], connection.introspection.get_relations(connection.cursor(),'dj_order'), connection.introspection.get_primary_key_columns(connection.cursor(),'dj_order')))
step('constraints', lambda: sorted((name, c['columns'], c['primary_key'], c['foreign_key']) for name, c in connection.introspection.get_constraints(connection.cursor(),'dj_order').items() if not c['index'] or c['primary_key']))
def migrate():
    o=io.StringIO(); call_command('migrate',stdout=o,interactive=False,verbosity=1); return o.getvalue().count('OK')
step('migrate', migrate)
def user():
    from django.contrib.auth.models import User, Permission
    u=User.objects.create_user('joe',password='x'); u.user_permissions.add(Permission.objects.first()); return (u.check_password('x'), u.get_all_permissions())
step('user', user)
def drop():
    with connection.schema_editor() as s: s.delete_model(Order); s.delete_model(Customer)
step('drop', drop)
