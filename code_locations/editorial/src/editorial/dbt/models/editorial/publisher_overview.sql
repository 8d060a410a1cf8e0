select
    publisher,
    count(*) as shown,
    count(*) filter (where clicked) as clicks,
    count(distinct user_id) as users,
    count(distinct article_id) as articles,
    min((shown_at at time zone 'UTC')::date) as first_day,
    max((shown_at at time zone 'UTC')::date) as last_day,
    max(landed_at) as landed_at,
    -- Null where the publisher does not say what was shown.
    round(
        count(*) filter (where clicked and with_exposure)::numeric
        / nullif(count(*) filter (where clicked is not null and with_exposure), 0), 4
    ) as click_through
from {{ ref('stg_unified_impressions') }}
group by publisher
