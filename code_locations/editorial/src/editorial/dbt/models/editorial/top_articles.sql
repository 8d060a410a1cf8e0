-- The ten articles of each publisher that were clicked most, over all days; equal ones by id.
with totals as (
    select publisher, article_id, sum(clicks)::bigint as clicks, sum(shown)::bigint as shown
    from {{ ref('article_popularity_daily') }}
    group by publisher, article_id
),

ranked as (
    select *, row_number() over (partition by publisher order by clicks desc, shown, article_id) as place
    from totals
    where clicks > 0
)

select
    ranked.publisher || ':' || ranked.place as place_key,
    ranked.publisher,
    ranked.place,
    ranked.article_id,
    articles.title,
    articles.section,
    ranked.clicks,
    ranked.shown
from ranked
left join {{ ref('stg_unified_articles') }} as articles using (publisher, article_id)
where ranked.place <= 10
