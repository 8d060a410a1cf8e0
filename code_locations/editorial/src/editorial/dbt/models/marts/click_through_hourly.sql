-- Hours of the day, UTC. Of publishers that say what was shown, and of impressions whose clicks are published.
select
    publisher || ':' || extract(hour from shown_at at time zone 'UTC') as publisher_hour_key,
    publisher,
    extract(hour from shown_at at time zone 'UTC')::int as hour,
    count(*) as shown,
    count(*) filter (where clicked) as clicks,
    round(count(*) filter (where clicked)::numeric / count(*), 4) as click_through
from {{ ref('stg_unified_impressions') }}
where with_exposure and clicked is not null
group by publisher, extract(hour from shown_at at time zone 'UTC')
