variable "prefix" {
  description = "What repositories' names begin with, such as prod: images are <registry>/<prefix>/slipway/<image>."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", var.prefix))
    error_message = "The prefix is lower case letters, digits and single dashes, as ECR wants it."
  }
}

variable "images" {
  description = "Images of the platform and of the code locations; the value is the code location it belongs to, or null."
  type        = map(string)
}

variable "keep_images" {
  description = <<-EOT
    How many images of a repository are kept, newest first. Runs keep the image that they were launched with, and a rollback goes
    back to an older one: as many as are pushed in the time after which nothing of an old one can run any more, and then some.
  EOT
  type        = number
  default     = 100

  validation {
    condition     = var.keep_images >= 20
    error_message = "Fewer than 20 images are pushed in a busy day: a queued run, or a rollback, would find its image gone."
  }
}

variable "force_delete" {
  description = "Let destroy delete repositories that hold images. Never in production."
  type        = bool
  default     = false
}
