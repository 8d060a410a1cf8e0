output "code_locations" {
  description = "Role and ServiceAccount of each code location."
  value = {
    for name in keys(var.code_locations) : name => {
      role_arn        = aws_iam_role.this["location-${name}"].arn
      service_account = name
    }
  }
}

output "platform_roles" {
  description = "Roles of the platform's own components, with their ServiceAccounts."
  value = {
    for name, account in local.service_accounts : replace(name, "-", "_") => {
      role_arn        = aws_iam_role.this[name].arn
      namespace       = account.namespace
      service_account = account.service_account
    } if !startswith(name, "location-")
  }
}

output "service_account_roles" {
  description = "All of them, as modules/cluster takes them for Pod Identity."
  value = {
    for name, account in local.service_accounts : name => {
      namespace       = account.namespace
      service_account = account.service_account
      role_arn        = aws_iam_role.this[name].arn
    }
  }
}

output "policies" {
  description = "The policy documents as JSON, by role: for tests, and for people who want to read them."
  value       = local.policies
}
