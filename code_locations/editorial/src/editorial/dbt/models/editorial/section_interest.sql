-- What share of each publisher's clicks its sections get.
with clicks as (
    select
        popularity.publisher,
        coalesce(articles.section, 'unknown') as section,
        sum(popularity.clicks)::bigint as clicks
    from {{ ref('article_popularity_daily') }} as popularity
    left join {{ ref('stg_unified_articles') }} as articles using (publisher, article_id)
    group by popularity.publisher, coalesce(articles.section, 'unknown')
)

select
    publisher || ':' || section as section_key,
    publisher,
    section,
    clicks,
    round(clicks::numeric / nullif(sum(clicks) over (partition by publisher), 0), 4) as share
from clicks
