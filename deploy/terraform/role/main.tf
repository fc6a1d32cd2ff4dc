# A role that the exporter assumes: in the delegated administrator of GuardDuty, in a member account, or in every account
# for ECS. The policies are those that iam-policy prints.

data "aws_partition" "current" {}

locals {
  variables = {
    partition  = data.aws_partition.current.partition
    queue_arns = jsonencode(var.queue_arns)
  }
  parts = concat(
    var.coverage ? ["coverage"] : [],
    var.detector ? ["detector"] : [],
    var.members ? ["members"] : [],
    var.account_names ? ["account-names"] : [],
    var.ecs ? ["ecs"] : [],
    length(var.queue_arns) > 0 ? ["events"] : [],
  )
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Read access to GuardDuty Runtime Monitoring coverage for the Prometheus exporter."
  max_session_duration = 3600
  tags                 = var.tags
  assume_role_policy = templatefile("${path.module}/policies/trust.json", {
    exporter_role_arn = var.exporter_role_arn
    external_id       = var.external_id
  })
}

resource "aws_iam_role_policy" "this" {
  name = "guardduty-coverage-read"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = flatten([
      for part in local.parts : jsondecode(templatefile("${path.module}/policies/${part}.json", local.variables))
    ])
  })
}
