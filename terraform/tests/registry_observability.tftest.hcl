mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "registry" {
  command = plan

  module {
    source = "./modules/registry"
  }

  variables {
    prefix = "test"
    images = { dagster = null, orders = "orders" }
  }

  assert {
    condition     = { for image, each in aws_ecr_repository.this : image => each.name } == { dagster = "test/slipway/dagster", orders = "test/slipway/orders" }
    error_message = "A repository for each image, where slipway deploy looks for it."
  }

  assert {
    condition     = alltrue([for each in aws_ecr_repository.this : each.image_tag_mutability == "IMMUTABLE" && each.image_scanning_configuration[0].scan_on_push && each.force_delete != true])
    error_message = "A tag never changes what it means, what is pushed is scanned, and destroy deletes no images."
  }

  assert {
    condition     = output.registry == "111122223333.dkr.ecr.eu-central-1.amazonaws.com/test"
    error_message = "slipway deploy pushes to <registry>/slipway/<image>: ${output.registry}"
  }

  assert {
    condition     = [for each in jsondecode(aws_ecr_lifecycle_policy.this["orders"].policy).rules : each.selection.countNumber] == [14, 100] && aws_ecr_repository.this["orders"].tags == tomap({ CodeLocation = "orders" })
    error_message = "The newest hundred images stay."
  }
}

run "registry_keeps_what_runs_need" {
  command = plan

  module {
    source = "./modules/registry"
  }

  variables {
    prefix      = "Test/"
    images      = { dagster = null }
    keep_images = 3
  }

  expect_failures = [var.prefix, var.keep_images]
}

run "observability" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    name               = "slipway-test"
    environment        = "test"
    email              = "data@example.com"
    monthly_budget_usd = 500
    database           = { identifier = "slipway-test", max_connections = 782 }
    queues             = { orders = { name = "landing", dead_letter_name = "dead" } }
  }

  assert {
    condition     = { for name, each in aws_cloudwatch_metric_alarm.database : name => each.threshold } == { connections = 625, storage = 5368709120, memory = 134217728 }
    error_message = "Told at four fifths of the connections, 5 GiB of disk, 128 MiB of memory."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.queue_age["orders"].threshold == 3600 && aws_cloudwatch_metric_alarm.dead_letters["orders"].threshold == 0
    error_message = "Told of what nobody fetches for an hour, and of any dead letter."
  }

  assert {
    condition = alltrue([
      for each in concat(values(aws_cloudwatch_metric_alarm.database), values(aws_cloudwatch_metric_alarm.queue_age), values(aws_cloudwatch_metric_alarm.dead_letters)) :
      each.alarm_actions == toset([output.alarm_topic_arn])
    ])
    error_message = "Every alarm reaches somebody."
  }

  assert {
    condition     = one(aws_budgets_budget.month.cost_filter).values == tolist(["user:Environment$test"])
    error_message = "The budget counts what has the environment's tag: ${jsonencode(one(aws_budgets_budget.month.cost_filter).values)}"
  }

  assert {
    condition     = aws_budgets_budget.month.limit_amount == "500" && toset([for each in aws_budgets_budget.month.notification : each.notification_type]) == toset(["ACTUAL", "FORECASTED"])
    error_message = "Told at 80 % of the budget, and when it is foreseen to be passed."
  }
}

run "observability_tells_somebody" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    name               = "slipway-test"
    environment        = "test"
    email              = "nobody"
    monthly_budget_usd = 0
    database           = { identifier = "slipway-test", max_connections = 782 }
  }

  expect_failures = [var.email, var.monthly_budget_usd]
}
