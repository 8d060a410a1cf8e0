# Databases and roles. The AWS provider can't make them, and a provider that could would need a way into the VPC, and have the
# passwords in its state. So this is SQL, which a Job inside the cluster runs (docs/aws.md): as often as you like, it changes what
# differs. Passwords come from the Job's environment, which has them from the Secrets.

locals {
  roles = merge(
    {
      dagster = {
        variable    = "DAGSTER_PASSWORD"
        connections = local.max_connections - local.needed.databases - local.reserved
      }
    },
    { for name, database in var.databases : name => { variable = "${upper(name)}_PASSWORD", connections = database.connections } },
  )

  role_sql = join("\n", concat(
    ["\\set ON_ERROR_STOP on"],
    [
      for name, role in local.roles : <<-EOT

        -- ${name}: at most ${role.connections} connections, so that nobody else goes without.
        \getenv password ${role.variable}
        SELECT 'CREATE ROLE ${name}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${name}') \gexec
        ALTER ROLE ${name} WITH LOGIN NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT ${role.connections} PASSWORD :'password';
        \unset password
        -- The master user is no superuser: it may give a database to roles only that it is a member of.
        GRANT ${name} TO CURRENT_USER;
        SELECT 'CREATE DATABASE ${name} OWNER ${name}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}') \gexec
        REVOKE ALL ON DATABASE ${name} FROM PUBLIC;
      EOT
    ],
  ))
}
