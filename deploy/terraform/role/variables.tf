variable "exporter_role_arn" {
  description = "ARN of the role that the exporter runs with."
  type        = string
  validation {
    condition     = can(regex("^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[!-~]+$", var.exporter_role_arn))
    error_message = "must be the ARN of an IAM role, such as arn:aws:iam::444455556666:role/guardduty-coverage-exporter"
  }
}

variable "external_id" {
  description = "What the exporter has to show as external ID; targets[].external_id of its configuration."
  type        = string
  sensitive   = true
  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]+$", var.external_id)) && length(var.external_id) >= 2 && length(var.external_id) <= 1224
    error_message = "must have 2 to 1224 letters, digits and _+=,.@:/-"
  }
}

variable "name" {
  description = "Name of the role, the same in every account; for ECS guardduty-coverage-ecs."
  type        = string
  default     = "guardduty-coverage"
}

variable "coverage" {
  description = "Whether the role reads coverage: a role for targets[].role_arn."
  type        = bool
  default     = true
}

variable "detector" {
  description = "Whether it also reads the features of the detector: targets[].detector."
  type        = bool
  default     = false
}

variable "members" {
  description = "Whether it also reads the member accounts: targets[].members."
  type        = bool
  default     = false
}

variable "account_names" {
  description = "Whether it also reads the names of the organization's accounts: targets[].account_names."
  type        = bool
  default     = false
}

variable "ecs" {
  description = "Whether it reads from ECS why tasks have no agent: a role for targets[].ecs.role_arn."
  type        = bool
  default     = false
}

variable "queue_arns" {
  description = "Queues that it reads: those of the module events."
  type        = list(string)
  default     = []
}

variable "tags" {
  description = "Tags of the role."
  type        = map(string)
  default     = {}
}
