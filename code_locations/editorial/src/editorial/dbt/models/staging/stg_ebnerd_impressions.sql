-- An impression that is in several files, or twice in one, counts once: as the file that landed last has it.
with newest as (
    select
        *,
        row_number() over (partition by impression_id order by landed_at desc, source_file, source_row desc) as nth
    from {{ source('raw', 'ebnerd') }}
)

select distinct
    'ebnerd' as publisher,
    newest.impression_id::text as impression_id,
    shown.article_id,
    newest.user_id::text as user_id,
    newest.impression_time as shown_at,
    case
        -- Test sets are published without the clicks.
        when newest.clicks_published
            then shown.article_id = any(coalesce(string_to_array(newest.article_ids_clicked, ' '), '{}'))
    end as clicked,
    case
        -- The time on the next page is that of the click, if there was just one.
        when newest.article_ids_clicked = shown.article_id then newest.next_read_time
    end as read_seconds,
    case newest.device_type when 1 then 'desktop' when 2 then 'mobile' when 3 then 'tablet' else 'unknown' end as device,
    newest.landed_at
from newest
cross join lateral unnest(string_to_array(newest.article_ids_inview, ' ')) as shown (article_id)
where newest.nth = 1
