//! What every layer must hold for the real data, found by PostgreSQL 15 and DuckDB 1.5 alike.

use crate::support;

/// A query and the rows that it must give, as text; null is `NULL`.
struct Figure {
    what: &'static str,
    sql: &'static str,
    rows: &'static [&'static [&'static str]],
}

#[tokio::test]
async fn the_layers_hold_what_they_must_for_the_real_data() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    let mut wrong = Vec::new();
    for figure in FIGURES {
        let rows = support::rows(&client, figure.sql).await;
        if rows != figure.rows {
            wrong.push(format!("{}\n  {}\n  wanted {:?}\n  got    {rows:?}", figure.what, figure.sql, figure.rows));
        }
    }
    assert!(wrong.is_empty(), "{} of {} figures differ:\n{}", wrong.len(), FIGURES.len(), wrong.join("\n"));
}

#[rustfmt::skip]
const FIGURES: &[Figure] = &[
    Figure {
        what: "bronze: all lines as they came",
        sql: "select count(*), count(distinct invoice_no), count(distinct customer_id), count(*) - count(customer_id), count(distinct country), min(invoice_date), max(invoice_date) from bronze.online_retail",
        rows: &[
            &["541909", "25900", "4372", "135080", "38", "2010-12-01 08:26:00", "2011-12-09 12:50:00"],
        ],
    },
    Figure {
        what: "bronze: exact sums",
        sql: "select sum(quantity), sum(quantity * unit_price), min(quantity), max(quantity), min(unit_price), max(unit_price) from bronze.online_retail",
        rows: &[
            &["5176450", "9747747.934", "-80995", "80995", "-11062.060", "38970.000"],
        ],
    },
    Figure {
        what: "bronze: nulls, cancellations, bad debt, free articles",
        sql: "select count(*) filter (where description is null), count(*) filter (where invoice_no like 'C%'), count(*) filter (where invoice_no like 'A%'), count(*) filter (where quantity < 0), count(*) filter (where unit_price = 0) from bronze.online_retail",
        rows: &[
            &["1454", "9288", "3", "10624", "2515"],
        ],
    },
    Figure {
        what: "bronze: text is kept as it came",
        sql: "select sum(char_length(description)), count(*) filter (where description <> trim(description)), count(distinct stock_code), count(*) filter (where description like '%£%') from bronze.online_retail",
        rows: &[
            &["14399764", "113452", "4070", "32"],
        ],
    },
    Figure {
        what: "bronze: other sources",
        sql: "select (select count(*) from bronze.customer_data), (select count(*) from bronze.product_catalog), (select sum(list_price) from bronze.product_catalog), (select max(last_seen) from bronze.customer_data)",
        rows: &[
            &["4372", "4070", "9612.930", "2011-12-09"],
        ],
    },
    Figure {
        what: "silver: lines rejected, by reason",
        sql: "select reason, count(*), sum(quantity) from silver.online_retail_rejected group by reason order by reason",
        rows: &[
            &["duplicate", "5268", "13948"],
            &["missing_customer", "135037", "269651"],
            &["non_positive_price", "40", "13884"],
        ],
    },
    Figure {
        what: "silver: lines cleaned",
        sql: "select count(*), sum(quantity), sum(line_total), min(invoice_day), max(invoice_day), count(distinct customer_id), count(distinct stock_code), count(distinct country) from silver.online_retail_cleaned",
        rows: &[
            &["401564", "4878967", "8278519.424", "2010-12-01", "2011-12-09", "4371", "3684", "37"],
        ],
    },
    Figure {
        what: "silver: returns and products among them",
        sql: "select is_return, is_product, count(*), sum(line_total) from silver.online_retail_cleaned group by is_return, is_product order by is_return, is_product",
        rows: &[
            &["f", "f", "1542", "149981.254"],
            &["f", "t", "391150", "8737227.640"],
            &["t", "f", "366", "-136938.760"],
            &["t", "t", "8506", "-471750.710"],
        ],
    },
    Figure {
        what: "silver: text rules",
        sql: "select sum(char_length(description)), count(*) filter (where description <> upper(description)), count(*) filter (where description like '%  %'), count(distinct description) from silver.online_retail_cleaned",
        rows: &[
            &["10602093", "0", "0", "3877"],
        ],
    },
    Figure {
        what: "silver: countries under their common names",
        sql: "select country, count(*) from silver.online_retail_cleaned where country in ('EIRE', 'Ireland', 'RSA', 'South Africa', 'USA', 'United States') group by country order by country",
        rows: &[
            &["Ireland", "7473"],
            &["South Africa", "57"],
            &["United States", "291"],
        ],
    },
    Figure {
        what: "silver: customers",
        sql: "select count(*), sum(orders), sum(units), sum(gross_revenue), sum(returns_value), sum(net_revenue), sum(distinct_products), sum(active_months), count(first_purchase_day), min(first_purchase_day), max(last_purchase_day) from silver.customer_enriched",
        rows: &[
            &["4371", "18532", "5152002", "8887208.894", "608689.470", "8278519.424", "266792", "13054", "4338", "2010-12-01", "2011-12-09"],
        ],
    },
    Figure {
        what: "silver: a customer",
        sql: "select * from silver.customer_enriched where customer_id = 12748",
        rows: &[
            &["12748", "United Kingdom", "2010-12-01", "2011-12-09", "209", "25287", "33053.190", "4647.630", "28405.560", "158.14923444976077", "1768", "13"],
        ],
    },
    Figure {
        what: "silver: a customer who only returned",
        sql: "select * from silver.customer_enriched where orders = 0 order by customer_id limit 1",
        rows: &[
            &["12503", "Spain", "NULL", "NULL", "0", "0", "0.000", "1126.000", "-1126.000", "NULL", "0", "0"],
        ],
    },
    Figure {
        what: "silver: products",
        sql: "select count(*), count(description), count(list_price), sum(list_price), count(*) filter (where is_product), count(first_sold_day), min(first_sold_day) from silver.product_normalized",
        rows: &[
            &["3958", "3846", "3958", "8859.790", "3926", "3684", "2010-12-01"],
        ],
    },
    Figure {
        what: "silver: codes that differ by case only are one",
        sql: "select stock_code, description, list_price, is_product, first_sold_day from silver.product_normalized where stock_code in ('15056BL', '85123A', 'POST', '22423') order by stock_code",
        rows: &[
            &["15056BL", "EDWARDIAN PARASOL BLACK", "5.950", "t", "2010-12-01"],
            &["22423", "REGENCY CAKESTAND 3 TIER", "12.750", "t", "2010-12-01"],
            &["85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "2.950", "t", "2010-12-01"],
            &["POST", "POSTAGE", "18.000", "f", "2010-12-01"],
        ],
    },
    Figure {
        what: "gold: days",
        sql: "select count(*), sum(orders), sum(units), sum(gross_revenue), sum(returns_value), sum(net_revenue), max(customers) from gold.daily_sales",
        rows: &[
            &["305", "18532", "5152002", "8887208.894", "608689.470", "8278519.424", "125"],
        ],
    },
    Figure {
        what: "gold: the first days, with the mean of up to seven",
        sql: "select * from gold.daily_sales order by invoice_day limit 8",
        rows: &[
            &["2010-12-01", "121", "95", "24114", "46192.490", "325.230", "45867.260", "381.75611570247935", "45867.26"],
            &["2010-12-02", "137", "99", "31077", "47197.570", "1541.100", "45656.470", "344.5078102189781", "45761.865"],
            &["2010-12-03", "57", "50", "11798", "23876.630", "1323.250", "22553.380", "418.8882456140351", "38025.70333333333"],
            &["2010-12-05", "87", "75", "16241", "31361.280", "391.000", "30970.280", "360.4744827586207", "36261.8475"],
            &["2010-12-06", "94", "82", "16115", "31009.330", "750.560", "30258.770", "329.88648936170216", "35061.232"],
            &["2010-12-07", "71", "65", "19404", "53730.960", "669.320", "53061.640", "756.7740845070423", "38061.299999999996"],
            &["2010-12-08", "111", "99", "21497", "39094.200", "1200.140", "37894.060", "352.2", "38037.40857142857"],
            &["2010-12-09", "98", "90", "17383", "38193.910", "1054.050", "37139.860", "389.7337755102041", "36790.637142857144"],
        ],
    },
    Figure {
        what: "gold: the last day",
        sql: "select * from gold.daily_sales order by invoice_day desc limit 1",
        rows: &[
            &["2011-12-09", "41", "35", "90552", "184329.660", "168789.070", "15540.590", "4495.845365853658", "42557.86571428571"],
        ],
    },
    Figure {
        what: "gold: products",
        sql: "select count(*), sum(units_sold), sum(gross_revenue), sum(orders), max(rank), max(cumulative_share) from gold.top_products",
        rows: &[
            &["3659", "5141784", "8737227.640", "386326", "3659", "1"],
        ],
    },
    Figure {
        what: "gold: the five best products",
        sql: "select * from gold.top_products order by rank limit 5",
        rows: &[
            &["1", "23843", "PAPER CRAFT , LITTLE BIRDIE", "80995", "168469.600", "1", "1", "1", "0.019281814202565518", "0.019281814202565518", "A"],
            &["2", "22423", "REGENCY CAKESTAND 3 TIER", "12374", "142264.750", "1703", "881", "0.06909649264587037", "0.016282596249260595", "0.03556441045182611", "A"],
            &["3", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", "36763", "100547.450", "1978", "856", "0.07012485379321601", "0.01150793525622276", "0.04707234570804887", "A"],
            &["4", "85099B", "JUMBO BAG RED RETROSPOT", "46078", "85040.540", "1600", "635", "0.024198098875819262", "0.009733126284895558", "0.05680547199294443", "A"],
            &["5", "23166", "MEDIUM CERAMIC TOP STORAGE JAR", "77916", "81416.730", "195", "138", "0.9560809076441296", "0.009318371153255197", "0.06612384314619962", "A"],
        ],
    },
    Figure {
        what: "gold: classes of products",
        sql: "select abc_class, count(*), sum(gross_revenue), min(rank), max(rank) from gold.top_products group by abc_class order by abc_class",
        rows: &[
            &["A", "784", "6991554.530", "1", "784"],
            &["B", "920", "1309479.750", "785", "1704"],
            &["C", "1955", "436193.360", "1705", "3659"],
        ],
    },
    Figure {
        what: "gold: countries",
        sql: "select rank, country, orders, customers, units, gross_revenue, returns_value, net_revenue from gold.country_sales order by rank",
        rows: &[
            &["1", "United Kingdom", "16646", "3920", "4241305", "7285024.644", "537868.490", "6747156.154"],
            &["2", "Netherlands", "94", "9", "200361", "285446.340", "784.800", "284661.540"],
            &["3", "Ireland", "260", "3", "140133", "265262.460", "15260.680", "250001.780"],
            &["4", "Germany", "457", "94", "119154", "228678.400", "7168.930", "221509.470"],
            &["5", "France", "389", "87", "111428", "208934.310", "12308.260", "196626.050"],
            &["6", "Australia", "57", "9", "83891", "138453.810", "1444.040", "137009.770"],
            &["7", "Switzerland", "51", "21", "30082", "56443.950", "704.550", "55739.400"],
            &["8", "Spain", "90", "30", "27933", "61558.560", "6802.530", "54756.030"],
            &["9", "Belgium", "98", "25", "23237", "41196.340", "285.380", "40910.960"],
            &["10", "Sweden", "36", "8", "36078", "38367.830", "1782.420", "36585.410"],
            &["11", "Japan", "19", "8", "26016", "37416.370", "2075.750", "35340.620"],
            &["12", "Norway", "36", "10", "19336", "36165.440", "1001.980", "35163.460"],
            &["13", "Portugal", "57", "19", "16095", "33375.840", "4380.080", "28995.760"],
            &["14", "Finland", "41", "12", "10704", "22546.080", "219.340", "22326.740"],
            &["15", "Channel Islands", "26", "9", "9485", "20440.540", "364.150", "20076.390"],
            &["16", "Denmark", "18", "9", "8235", "18955.340", "187.200", "18768.140"],
            &["17", "Italy", "38", "14", "8112", "17483.240", "592.730", "16890.510"],
            &["18", "Cyprus", "16", "8", "6340", "13502.850", "644.090", "12858.760"],
            &["19", "Austria", "17", "11", "4881", "10198.680", "44.360", "10154.320"],
            &["20", "Singapore", "7", "1", "5241", "21279.290", "12158.900", "9120.390"],
            &["21", "Poland", "19", "6", "3684", "7334.650", "121.510", "7213.140"],
            &["22", "Israel", "5", "3", "4043", "7215.840", "227.440", "6988.400"],
            &["23", "Greece", "5", "4", "1557", "4760.520", "50.000", "4710.520"],
            &["24", "Iceland", "7", "1", "2458", "4310.000", "0.000", "4310.000"],
            &["25", "Canada", "6", "4", "2763", "3666.380", "0.000", "3666.380"],
            &["26", "Unspecified", "8", "4", "1785", "2660.770", "0.000", "2660.770"],
            &["27", "Malta", "5", "2", "970", "2725.590", "220.120", "2505.470"],
            &["28", "United Arab Emirates", "3", "2", "982", "1902.280", "0.000", "1902.280"],
            &["29", "United States", "5", "4", "2458", "3580.390", "1849.470", "1730.920"],
            &["30", "Lebanon", "1", "1", "386", "1693.880", "0.000", "1693.880"],
            &["31", "Lithuania", "4", "1", "652", "1661.060", "0.000", "1661.060"],
            &["32", "European Community", "4", "1", "499", "1300.250", "8.500", "1291.750"],
            &["33", "Brazil", "1", "1", "356", "1143.600", "0.000", "1143.600"],
            &["34", "South Africa", "1", "1", "351", "1002.310", "0.000", "1002.310"],
            &["35", "Czech Republic", "2", "1", "671", "826.740", "119.020", "707.720"],
            &["36", "Bahrain", "2", "2", "260", "548.400", "0.000", "548.400"],
            &["37", "Saudi Arabia", "1", "1", "80", "145.920", "14.750", "131.170"],
        ],
    },
    Figure {
        what: "gold: means and shares of countries",
        sql: "select country, avg_order_value, revenue_share from gold.country_sales order by rank limit 3",
        rows: &[
            &["United Kingdom", "437.64415739517005", "0.8150196681836039"],
            &["Netherlands", "3036.663191489362", "0.034385561647019454"],
            &["Ireland", "1020.2402307692308", "0.030198851653983873"],
        ],
    },
    Figure {
        what: "gold: segments",
        sql: "select * from gold.customer_segments order by segment",
        rows: &[
            &["About to Sleep", "350", "52.76", "1.1628571428571428", "467.54714285714283", "163641.500", "0.01841314882454028"],
            &["At Risk", "596", "153.3741610738255", "2.879194630872483", "1080.182182885906", "643788.581", "0.0724399064631686"],
            &["Can't Lose", "63", "132.96825396825398", "8.380952380952381", "2790.1014285714286", "175776.390", "0.019778582015628272"],
            &["Champions", "632", "6.35126582278481", "12.427215189873417", "6852.238955696202", "4330615.020", "0.4872862865779736"],
            &["Hibernating", "1077", "216.79387186629526", "1.1021355617455897", "487.29350232126274", "524815.102", "0.05905285993157167"],
            &["Loyal Customers", "819", "33.53601953601954", "6.47985347985348", "2856.1199401709405", "2339162.231", "0.26320549667502846"],
            &["Need Attention", "188", "51.909574468085104", "2.324468085106383", "901.9670212765957", "169569.800", "0.01908020864846344"],
            &["New Customers", "42", "7.428571428571429", "1", "385.02238095238096", "16170.940", "0.001819574648562323"],
            &["Potential Loyalists", "480", "17.26875", "2.00625", "1034.6606875", "496637.130", "0.05588223883600772"],
            &["Promising", "91", "23.197802197802197", "1", "297.0571428571429", "27032.200", "0.0030416973790556657"],
        ],
    },
    Figure {
        what: "analytics: scores",
        sql: "select count(*), sum(recency_days), min(recency_days), max(recency_days), sum(frequency), sum(monetary), sum(r_score), sum(f_score), sum(m_score) from analytics.rfm_table",
        rows: &[
            &["4338", "403692", "1", "374", "18532", "8887208.894", "13011", "13011", "13011"],
        ],
    },
    Figure {
        what: "analytics: fifths",
        sql: "select r_score, count(*), min(recency_days), max(recency_days) from analytics.rfm_table group by r_score order by r_score",
        rows: &[
            &["1", "868", "180", "374"],
            &["2", "868", "72", "180"],
            &["3", "868", "33", "72"],
            &["4", "867", "13", "33"],
            &["5", "867", "1", "13"],
        ],
    },
    Figure {
        what: "analytics: the best customers",
        sql: "select customer_id, recency_days, frequency, monetary, rfm_score, segment from analytics.rfm_table order by monetary desc, customer_id limit 3",
        rows: &[
            &["14646", "2", "73", "280206.020", "555", "Champions"],
            &["18102", "1", "60", "259657.300", "555", "Champions"],
            &["17450", "9", "46", "194390.790", "555", "Champions"],
        ],
    },
    Figure {
        what: "layers agree",
        sql: "select (select sum(net_revenue) from gold.daily_sales) = (select sum(net_revenue) from gold.country_sales), (select sum(gross_revenue) from gold.daily_sales) = (select sum(revenue) from gold.customer_segments)",
        rows: &[
            &["t", "t"],
        ],
    },
];
