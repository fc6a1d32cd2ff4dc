variable "name" {
  description = "Name of the rule and the topic. The queues are called so with -1, -2 and so on at the end."
  type        = string
  default     = "guardduty-coverage-events"
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,57}$", var.name))
    error_message = "must have 1 to 57 letters, digits, hyphens and underscores"
  }
}

variable "replicas" {
  description = "Number of replicas of the exporter, and so of queues."
  type        = number
  default     = 1
  validation {
    condition     = var.replicas >= 1 && var.replicas <= 9 && floor(var.replicas) == var.replicas
    error_message = "must be 1 to 9"
  }
}

variable "event_bus_name" {
  description = "Event bus to listen on. AWS's own events come to the bus default."
  type        = string
  default     = "default"
}

variable "tags" {
  description = "Tags of the rule, the topic and the queues."
  type        = map(string)
  default     = {}
}
