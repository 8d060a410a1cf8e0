-- UTC days.
select
    publisher || ':' || article_id || ':' || (shown_at at time zone 'UTC')::date as article_day_key,
    publisher,
    article_id,
    (shown_at at time zone 'UTC')::date as day,
    count(*) as shown,
    count(*) filter (where clicked) as clicks,
    count(distinct user_id) filter (where clicked) as readers,
    round(avg(read_seconds) filter (where clicked)::numeric, 1) as average_read_seconds
from {{ ref('stg_unified_impressions') }}
group by publisher, article_id, (shown_at at time zone 'UTC')::date
