-- Impressions are numbered within a download: its folder belongs to their id.
with newest as (
    select
        *,
        regexp_replace(source_file, '/?[^/]*$', '') as download,
        row_number() over (
            partition by source_file, impression_id order by source_row desc
        ) as nth
    from {{ source('raw', 'mind') }}
),

shown as (
    select newest.*, one.text as shown_text
    from newest
    cross join lateral unnest(string_to_array(newest.impressions, ' ')) as one (text)
    where newest.nth = 1
)

select distinct
    'mind' as publisher,
    download || '#' || impression_id as impression_id,
    split_part(shown_text, '-', 1) as article_id,
    user_id,
    impression_time as shown_at,
    -- Test sets are published without the clicks.
    case split_part(shown_text, '-', 2) when '1' then true when '0' then false end as clicked,
    null::double precision as read_seconds,
    'unknown' as device,
    landed_at
from shown
