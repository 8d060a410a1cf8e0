# Whether the server has a connection for everybody who may ask for one. Dagster fails runs when there is no connection left;
# what is allowed at a time is therefore computed before anything is made.

locals {
  # Memory of RDS's classes follows from family and size.
  gib_of_size = {
    t = { micro = 1, small = 2, medium = 4, large = 8, xlarge = 16, "2xlarge" = 32 }
    m = { large = 8, xlarge = 16, "2xlarge" = 32, "4xlarge" = 64, "8xlarge" = 128, "12xlarge" = 192, "16xlarge" = 256 }
    r = { large = 16, xlarge = 32, "2xlarge" = 64, "4xlarge" = 128, "8xlarge" = 256, "12xlarge" = 384, "16xlarge" = 512 }
  }
  family     = substr(split(".", var.instance_class)[1], 0, 1)
  size       = split(".", var.instance_class)[2]
  memory_gib = coalesce(var.memory_gib, try(local.gib_of_size[local.family][local.size], 0))

  # RDS's default: LEAST({DBInstanceClassMemory/9531392}, 5000). DBInstanceClassMemory is what is left of the memory after the
  # operating system and RDS's own processes; nobody says how much, so a tenth and 256 MiB are taken off here.
  class_memory_bytes       = max(0, floor((local.memory_gib * 0.9 - 0.25) * 1024 * 1024 * 1024))
  computed_max_connections = min(floor(local.class_memory_bytes / 9531392), 5000)
  max_connections          = coalesce(var.max_connections, local.computed_max_connections)

  # Dagster has three storages: runs, events, schedules.
  storages = 3
  # A webserver pools: one connection of each storage, and as many more as its option --db-pool-max-overflow says.
  per_webserver = local.storages * (1 + var.clients.webserver_pool_overflow)
  # The daemon's threads (scheduler, sensors, backfills, monitoring, the queue's eight workers) connect for each question.
  daemon = 20
  # A code server asks for each sensor and schedule that it evaluates.
  per_code_server = 4
  # The run's own process, and each step that runs at that time: a connection to the event storage, and one to the runs'.
  per_run = 1 + 2 * var.clients.run_steps_at_a_time
  # postgres' own superuser_reserved_connections (3), RDS's (2), its monitoring, and a person with psql.
  reserved = 15

  needed = {
    webservers   = var.clients.webservers * local.per_webserver
    daemon       = local.daemon
    code_servers = var.clients.code_servers * local.per_code_server
    runs         = var.clients.concurrent_runs * local.per_run
    databases    = sum(concat([0], values(var.databases)[*].connections))
    reserved     = local.reserved
  }
  needed_total    = sum(values(local.needed))
  runs_that_fit   = max(0, floor((local.max_connections - (local.needed_total - local.needed.runs)) / local.per_run))
  budget_by_class = "${var.instance_class} has ${local.memory_gib} GiB, which is ${local.max_connections} connections"

  arithmetic = <<-EOT
    ${format("%5d", local.needed.webservers)}  ${var.clients.webservers} webservers x (${local.storages} storages x (1 + ${var.clients.webserver_pool_overflow} overflow))
    ${format("%5d", local.needed.daemon)}  the daemon
    ${format("%5d", local.needed.code_servers)}  ${var.clients.code_servers} code servers x ${local.per_code_server}
    ${format("%5d", local.needed.runs)}  ${var.clients.concurrent_runs} runs at a time x ${local.per_run}
    ${format("%5d", local.needed.databases)}  ${length(var.databases)} databases of code locations
    ${format("%5d", local.needed.reserved)}  reserved (superuser, RDS, a person)
    ${format("%5d", local.needed_total)}  needed, of ${local.max_connections}
  EOT
}
