variable "environment" {
  description = "Name of the environment, part of every resource's name. `local` is the system of `make run`."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["dev", "staging", "prod", "local"], var.environment)
    error_message = "environment must be dev, staging, prod or local."
  }
}

variable "aws_region" {
  description = "AWS region of all resources, for example us-east-1."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.aws_region))
    error_message = "aws_region must be an AWS region, for example us-east-1."
  }
}

variable "allowed_account_ids" {
  description = "AWS accounts in which this environment may be created."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.allowed_account_ids) > 0 && alltrue([for id in var.allowed_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "allowed_account_ids must have at least one account id of 12 digits."
  }
}

variable "dist_dir" {
  description = "Folder that `make package` writes: manifest.json and the zips that it lists. Relative to terraform/."
  type        = string
  nullable    = false
  default     = "../dist"

  validation {
    condition     = fileexists("${var.dist_dir}/manifest.json")
    error_message = "dist_dir has no manifest.json. Build the functions first: make package"
  }
}

variable "session_id_digits" {
  description = "Digits of the number in a new session id. Raise it when the metric SessionIdClashCount grows."
  type        = number
  nullable    = false
  default     = 3

  validation {
    condition     = contains([3, 6, 9], var.session_id_digits)
    error_message = "session_id_digits must be 3, 6 or 9."
  }
}

variable "secret_generation" {
  description = "Generation of the keys that only functions know. `make rotate-secrets` raises it, and the next deployment creates the keys."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.secret_generation >= 1 && floor(var.secret_generation) == var.secret_generation
    error_message = "secret_generation must be a whole number, at least 1."
  }
}

variable "log_retention_days" {
  description = "Days that CloudWatch keeps the logs of the functions and the APIs."
  type        = number
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "failed_record_retention_days" {
  description = "Days that S3 keeps stream records that a consumer could not handle; null keeps them until somebody deletes them."
  type        = number

  validation {
    condition     = var.failed_record_retention_days == null ? true : var.failed_record_retention_days >= 1 && floor(var.failed_record_retention_days) == var.failed_record_retention_days
    error_message = "failed_record_retention_days must be a whole number of days, at least 1, or null."
  }
}

variable "speech_expires" {
  description = "Whether S3 deletes voices, and captions that a consumer could not handle, after one day; false is allowed in local only."
  type        = bool
  nullable    = false
  default     = true

  validation {
    condition     = var.speech_expires || var.environment == "local"
    error_message = "speech_expires may be false in local only: what people said is not kept."
  }
}

variable "throttles" {
  description = "Limits of `http_api` and `websocket_api` by route key; `default` applies to every other route. A limit is the total of all clients: requests per second (for WebSockets also messages and disconnects) and burst."
  type        = map(map(object({ requests_per_second = number, burst = number })))
  nullable    = false

  validation {
    condition     = toset(keys(var.throttles)) == toset(["http_api", "websocket_api"]) && alltrue([for api in var.throttles : contains(keys(api), "default")])
    error_message = "throttles must have http_api and websocket_api, each with a default."
  }

  validation {
    condition = alltrue(flatten([
      for api in var.throttles : [for throttle in api : throttle.requests_per_second >= 1 && throttle.burst >= 1]
    ]))
    error_message = "throttles must allow at least 1 request per second and a burst of 1: API Gateway rejects every request to a route with a limit of 0."
  }

  validation {
    condition = length(concat(
      tolist(setsubtract(keys(lookup(var.throttles, "http_api", {})), concat(["default"], keys(local.http_routes)))),
      tolist(setsubtract(keys(lookup(var.throttles, "websocket_api", {})), concat(["default"], local.known_websocket_routes))),
    )) == 0
    error_message = "throttles names a route that its API does not have. functions.tf lists the routes."
  }
}

variable "max_listeners" {
  description = "Maximum number of listeners of a session that is created from now on. Clients see it as `maxListeners`."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_listeners >= 1 && floor(var.max_listeners) == var.max_listeners
    error_message = "max_listeners must be a whole number, at least 1."
  }
}

variable "speaker_absent_minutes" {
  description = "Minutes after which a session ends when its speaker was connected and has gone; 0 for never. Listeners see in `endsAt` when that will be."
  type        = number
  nullable    = false
  default     = 0

  validation {
    condition     = var.speaker_absent_minutes >= 0 && floor(var.speaker_absent_minutes) == var.speaker_absent_minutes
    error_message = "speaker_absent_minutes must be a whole number, or 0 for never."
  }
}

variable "sessions_per_speaker_per_hour" {
  description = "Sessions that one speaker may create in one hour, counted from the full hour; 0 for no limit."
  type        = number
  nullable    = false

  validation {
    condition     = var.sessions_per_speaker_per_hour >= 0 && floor(var.sessions_per_speaker_per_hour) == var.sessions_per_speaker_per_hour
    error_message = "sessions_per_speaker_per_hour must be a whole number, or 0 for no limit."
  }
}

variable "joins_per_address_per_minute" {
  description = "Handshakes from one IP address in one minute, counted from the full minute; 0 for no limit."
  type        = number
  nullable    = false

  validation {
    condition     = var.joins_per_address_per_minute >= 0 && floor(var.joins_per_address_per_minute) == var.joins_per_address_per_minute
    error_message = "joins_per_address_per_minute must be a whole number, or 0 for no limit."
  }
}

variable "caption_characters_per_minute" {
  description = "Characters of captions that one session may publish in one minute, counted from the full minute; 0 for no limit. Each is translated into every language of the session, so it limits what a session costs."
  type        = number
  nullable    = false
  default     = 2000 # fast speech has about 1,000

  validation {
    condition     = var.caption_characters_per_minute == 0 || var.caption_characters_per_minute >= 1000 && floor(var.caption_characters_per_minute) == var.caption_characters_per_minute
    error_message = "caption_characters_per_minute must be a whole number, at least 1000, or 0 for no limit: a caption may have 1,000 characters."
  }
}

variable "max_languages" {
  description = "Languages into which the captions of one session are translated at once, those with most listeners first; listeners of others get the source text. 0 for no translation."
  type        = number
  nullable    = false
  default     = 19

  validation {
    condition     = var.max_languages >= 0 && var.max_languages <= 19 && floor(var.max_languages) == var.max_languages
    error_message = "max_languages must be a whole number from 0 to 19, the number of languages."
  }
}

variable "audio_stream" {
  description = "Whether speakers may send audio (`audioChunk`), which goes to a Kinesis data stream for a recognizer of speech. The stream costs about $29 a month, also without audio."
  type        = bool
  nullable    = false
  default     = false
}

variable "cors_allow_origins" {
  description = "Origins of the web pages that may call the HTTP API, for example https://live.example.com. `*` (any) is allowed in dev and local only."
  type        = list(string)
  nullable    = false

  validation {
    condition     = contains(["dev", "local"], var.environment) || !contains(var.cors_allow_origins, "*")
    error_message = "cors_allow_origins may be `*` in dev and local only: elsewhere any web page could call the API."
  }

  validation {
    condition = alltrue([
      for origin in var.cors_allow_origins : origin == "*" || can(regex("^https?://[^/*]+$", origin))
    ])
    error_message = "cors_allow_origins must have `*` or origins: scheme and host without a path, for example https://live.example.com."
  }
}

variable "deletion_protection" {
  description = "Whether AWS rejects the deletion of the tables and the user pool. To destroy an environment, apply false first."
  type        = bool
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the tables can be copied as of any second of the last 35 days, to find out what happened."
  type        = bool
  nullable    = false
}

variable "user_pool_id" {
  description = "Existing Cognito user pool of the speakers; null to create one."
  type        = string
  default     = null

  validation {
    condition     = var.user_pool_id == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]_[0-9A-Za-z]+$", var.user_pool_id))
    error_message = "user_pool_id must be the id of a user pool, for example us-east-1_AbCdEf123."
  }

  validation {
    condition     = (var.user_pool_id == null) == (var.user_pool_client_id == null)
    error_message = "user_pool_id and user_pool_client_id must be set together."
  }
}

variable "user_pool_client_id" {
  description = "App client of `user_pool_id`: the audience of the tokens that the API accepts."
  type        = string
  default     = null
}

variable "allow_password_auth" {
  description = "Whether speakers' clients may send the password itself to Cognito (USER_PASSWORD_AUTH), for clients that cannot use SRP. Only for a pool that Terraform creates."
  type        = bool
  nullable    = false
  default     = false

  validation {
    condition     = !var.allow_password_auth || var.user_pool_id == null
    error_message = "allow_password_auth is a setting of the pool that Terraform creates; user_pool_id names another one."
  }
}

variable "tags" {
  description = "Tags of all resources, in addition to Service, Environment and ManagedBy."
  type        = map(string)
  nullable    = false
  default     = {}
}
