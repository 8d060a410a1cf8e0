{# Every article of the model is one of the publisher's articles. #}
{% test known_articles(model, column_name, articles) %}
select distinct impressions.publisher, impressions.{{ column_name }}
from {{ model }} as impressions
left join {{ articles }} as articles
    on articles.publisher = impressions.publisher and articles.article_id = impressions.{{ column_name }}
where articles.article_id is null
{% endtest %}
