// What Java programs do through pgjdbc: DatabaseMetaData whole, prepared statements on the server with binary values, fetching
// in portions, batches, arrays, times.
//
//     java -cp postgresql.jar Jdbc.java URL
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.sql.*;
import java.time.*;
import java.util.*;

public class Jdbc {
    static void check(boolean holds, Object what) {
        if (!holds) throw new AssertionError(String.valueOf(what));
    }

    static List<Map<String, String>> rows(ResultSet result) throws SQLException {
        List<Map<String, String>> rows = new ArrayList<>();
        ResultSetMetaData columns = result.getMetaData();
        while (result.next()) {
            Map<String, String> row = new TreeMap<>();
            for (int i = 1; i <= columns.getColumnCount(); i++) row.put(columns.getColumnLabel(i).toUpperCase(), result.getString(i));
            rows.add(row);
        }
        return rows;
    }

    static List<String> column(List<Map<String, String>> rows, String name) {
        return rows.stream().map(row -> row.get(name)).toList();
    }

    /** Every method of the interface, with arguments that fit. What pgjdbc itself does not offer may refuse; nothing else may. */
    static void everything(DatabaseMetaData meta) throws Exception {
        for (Method method : DatabaseMetaData.class.getMethods()) {
            if (method.getDeclaringClass() != DatabaseMetaData.class) continue;
            Object[] arguments = new Object[method.getParameterCount()];
            int texts = 0;
            for (int i = 0; i < arguments.length; i++) {
                Class<?> type = method.getParameterTypes()[i];
                if (type == boolean.class) arguments[i] = false;
                else if (type == int.class) arguments[i] = 1;
                else if (type == String.class) arguments[i] = switch (texts++ % 3) { case 0 -> null; case 1 -> "gold"; default -> "daily_sales"; };
            }
            try {
                Object answer = method.invoke(meta, arguments);
                if (answer instanceof ResultSet result) rows(result);
            } catch (InvocationTargetException failed) {
                boolean ours = !(failed.getCause() instanceof SQLFeatureNotSupportedException) || failed.getCause().getMessage().startsWith("ERROR");
                check(!ours, method.getName() + ": " + failed.getCause());
            }
        }
    }

    static void describes(DatabaseMetaData meta) throws SQLException {
        check(meta.getDatabaseProductName().equals("PostgreSQL") && meta.getDatabaseMajorVersion() == 15, meta.getDatabaseProductVersion());
        check(column(rows(meta.getSchemas()), "TABLE_SCHEM").containsAll(List.of("bronze", "gold", "information_schema", "pg_catalog", "silver")), "schemas");
        check(column(rows(meta.getCatalogs()), "TABLE_CAT").equals(List.of("lake")), "catalogs");
        var tables = rows(meta.getTables(null, "gold", "%", new String[] {"TABLE"}));
        check(column(tables, "TABLE_NAME").equals(List.of("country_sales", "customer_segments", "daily_sales", "top_products")), tables);
        check(tables.get(2).get("REMARKS") != null && tables.get(2).get("TABLE_TYPE").equals("TABLE"), tables);
        var columns = rows(meta.getColumns(null, "gold", "daily\\_sales", "%"));
        check(columns.get(0).get("COLUMN_NAME").equals("invoice_day") && columns.get(0).get("DATA_TYPE").equals("" + Types.DATE), columns);
        var revenue = columns.stream().filter(c -> c.get("COLUMN_NAME").equals("net_revenue")).findFirst().orElseThrow();
        check(revenue.get("TYPE_NAME").equals("numeric") && revenue.get("COLUMN_SIZE").equals("18") && revenue.get("DECIMAL_DIGITS").equals("3"), revenue);
        check(rows(meta.getColumns(null, null, "%", "%")).size() > 1000, "all columns");
        check(column(rows(meta.getTypeInfo()), "TYPE_NAME").containsAll(List.of("int4", "text", "numeric", "_int4")), "types");
        var upper = rows(meta.getFunctions(null, "pg_catalog", "upper"));
        check(!upper.isEmpty(), upper);
        var arguments = rows(meta.getFunctionColumns(null, "pg_catalog", "upper", "%"));
        check(arguments.stream().anyMatch(a -> a.get("TYPE_NAME").equals("text")), arguments);
        check(column(rows(meta.getProcedures(null, null, "refresh%")), "PROCEDURE_NAME").contains("refresh_gold"), "procedures");
        var rights = rows(meta.getTablePrivileges(null, "gold", "daily_sales"));
        check(column(rights, "PRIVILEGE").contains("SELECT"), rights);
        check(meta.getSQLKeywords().contains("analyze") && meta.getMaxColumnNameLength() == 63, meta.getSQLKeywords());
    }

    /** From the fifth time on pgjdbc prepares on the server; here at once, and values travel in binary. */
    static void prepared(Connection connection) throws SQLException {
        String query = "select orders, net_revenue, invoice_day, avg_order_value from gold.daily_sales where orders > ? order by invoice_day limit ?";
        try (PreparedStatement statement = connection.prepareStatement(query)) {
            check(statement.getMetaData().getColumnTypeName(2).equals("numeric"), "described before it is executed");
            for (int least = 0; least < 8; least++) {
                statement.setLong(1, least);
                statement.setInt(2, 3);
                try (ResultSet result = statement.executeQuery()) {
                    int count = 0;
                    while (result.next()) {
                        count++;
                        check(result.getLong(1) > least && result.getObject(2) instanceof BigDecimal, result.getObject(2));
                        check(result.getObject(3, LocalDate.class).getYear() > 2000 && result.getDouble(4) > 0, result.getString(3));
                    }
                    check(count == 3, count);
                }
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("select ?::timestamp, ?::timestamptz, ?::date, ?::int[], ?::text, ?::bytea, ?::uuid, ?::numeric")) {
            var id = UUID.randomUUID();
            for (int time = 0; time < 3; time++) {
                var at = LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123456000);
                statement.setObject(1, at);
                statement.setObject(2, at.atOffset(ZoneOffset.ofHours(2)));
                statement.setObject(3, at.toLocalDate());
                statement.setArray(4, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
                statement.setString(5, "é ✓");
                statement.setBytes(6, new byte[] {0, 1, -1});
                statement.setObject(7, id);
                statement.setBigDecimal(8, new BigDecimal("12.340"));
                try (ResultSet result = statement.executeQuery()) {
                    check(result.next() && result.getObject(1, LocalDateTime.class).equals(at), result.getString(1));
                    check(result.getObject(2, OffsetDateTime.class).toInstant().equals(at.toInstant(ZoneOffset.ofHours(2))), result.getString(2));
                    check(result.getObject(3, LocalDate.class).equals(at.toLocalDate()), result.getString(3));
                    check(Arrays.equals((Integer[]) result.getArray(4).getArray(), new Integer[] {1, null, 3}), result.getString(4));
                    check(result.getString(5).equals("é ✓") && Arrays.equals(result.getBytes(6), new byte[] {0, 1, -1}), result.getString(5));
                    check(result.getString(7).equals(id.toString()) && result.getBigDecimal(8).compareTo(new BigDecimal("12.34")) == 0, result.getString(8));
                }
            }
        }
    }

    static void fetches(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(100);
            try (ResultSet result = statement.executeQuery("select invoice_no from bronze.online_retail limit 1050")) {
                int count = 0;
                while (result.next()) count++;
                check(count == 1050, count);
            }
        }
        Savepoint before = connection.setSavepoint();
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("select nosuch from gold.daily_sales");
            check(false, "a column that is not there");
        } catch (SQLException error) {
            check(error.getSQLState().equals("42703"), error);
            connection.rollback(before);
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void writes(Connection connection) throws SQLException {
        String table = "public.jdbc_" + Long.toHexString(System.nanoTime());
        try (Statement statement = connection.createStatement()) {
            statement.execute("create table " + table + " (id integer, name text, at timestamp)");
            try (PreparedStatement insert = connection.prepareStatement("insert into " + table + " (id, name, at) values (?, ?, ?)")) {
                for (int id = 1; id <= 3; id++) {
                    insert.setInt(1, id);
                    insert.setString(2, "n" + id);
                    insert.setTimestamp(3, Timestamp.valueOf("2024-02-29 13:14:15"));
                    insert.addBatch();
                }
                check(Arrays.equals(insert.executeBatch(), new int[] {1, 1, 1}), "a batch");
            }
            check(statement.executeUpdate("update " + table + " set name = 'x' where id > 1") == 2, "an update");
            try (ResultSet result = statement.executeQuery("select count(*), max(at) from " + table + " where name = 'x'")) {
                check(result.next() && result.getInt(1) == 2 && result.getTimestamp(2).toString().startsWith("2024-02-29 13:14:15"), "rows");
            }
            statement.execute("drop table " + table);
        }
    }

    static void calls(Connection connection) throws SQLException {
        try (CallableStatement call = connection.prepareCall("{? = call upper(?)}")) {
            for (int i = 0; i < 2; i++) {
                call.registerOutParameter(1, Types.VARCHAR);
                call.setString(2, "straße");
                call.execute();
                check(call.getString(1).equals("STRAßE"), call.getString(1));
            }
        }
        try (CallableStatement call = connection.prepareCall("{? = call replace(?, ?, ?)}")) {
            call.registerOutParameter(1, Types.VARCHAR);
            call.setString(2, "a-b");
            call.setString(3, "-");
            call.setString(4, "+");
            call.execute();
            check(call.getString(1).equals("a+b"), call.getString(1));
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (String options : new String[] {"", "&prepareThreshold=1&binaryTransfer=true", "&preferQueryMode=simple"}) {
            try (Connection connection = DriverManager.getConnection(arguments[0] + "?user=lakewire" + options)) {
                DatabaseMetaData meta = connection.getMetaData();
                describes(meta);
                if (options.isEmpty()) everything(meta);
                if (!options.contains("simple")) prepared(connection);
                if (!options.contains("simple")) calls(connection);
                fetches(connection);
                writes(connection);
            }
        }
        System.out.println("pgjdbc is content");
    }
}
