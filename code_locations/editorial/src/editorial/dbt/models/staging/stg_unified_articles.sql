-- The newest word about each article, of all publishers.
with articles as (
    select
        'ebnerd' as publisher,
        article_id::text as article_id,
        title,
        category_str as section,
        published_time as published_at,
        landed_at,
        source_row
    from {{ source('raw', 'ebnerd_articles') }}
    union all
    select 'mind', news_id, title, category, null, landed_at, source_row
    from {{ source('raw', 'mind_news') }}
    union all
    select 'adressa', article_id, title, split_part(category1, '|', 1), published_time, landed_at, source_row
    from {{ source('raw', 'adressa') }}
    where article_id is not null
)

select distinct on (publisher, article_id)
    publisher || ':' || article_id as article_key,
    publisher,
    article_id,
    title,
    section,
    published_at
from articles
order by publisher, article_id, landed_at desc, source_row desc
