-- Adressa logs what was opened, not what was shown: each view of an article is an impression with a click. Views of
-- the front page and of section pages are of no article.
with newest as (
    select
        *,
        row_number() over (
            partition by event_id, event_time order by landed_at desc, source_file, source_row desc
        ) as nth
    from {{ source('raw', 'adressa') }}
    where article_id is not null
)

select
    'adressa' as publisher,
    event_id || '@' || extract(epoch from event_time)::bigint as impression_id,
    article_id,
    user_id,
    event_time as shown_at,
    true as clicked,
    active_time::double precision as read_seconds,
    case device_type when 'Desktop' then 'desktop' when 'Mobile' then 'mobile' when 'Tablet' then 'tablet' else 'unknown' end
        as device,
    landed_at
from newest
where nth = 1
