{{ config(materialized='table') }}

with impressions as (
    select * from {{ ref('stg_ebnerd_impressions') }}
    union all
    select * from {{ ref('stg_adressa_impressions') }}
    union all
    select * from {{ ref('stg_mind_impressions') }}
)

select
    publisher || ':' || impression_id || ':' || article_id as impression_key,
    *,
    -- Whether the publisher also says what was shown and not clicked; without that there is no click-through.
    publisher <> 'adressa' as with_exposure
from impressions
