CREATE TABLE `attempts` (
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`started` real NOT NULL,
	`ended` real,
	`engine` text,
	`engine_reason` text,
	`device` text,
	`threads` integer,
	`host` text,
	`cpu` text,
	`versions` text,
	`facts` text,
	`from_step` integer DEFAULT 0 NOT NULL,
	`peak_memory` integer,
	`exit_code` integer,
	`signal` text,
	`outcome` text,
	`reason` text,
	`ingested` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`trial`, `attempt`),
	FOREIGN KEY (`trial`) REFERENCES `trials`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `checkpoints` (
	`id` integer PRIMARY KEY NOT NULL,
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`step` integer NOT NULL,
	`kind` text NOT NULL,
	`path` text NOT NULL,
	`bytes` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `checkpoints_by_trial` ON `checkpoints` (`trial`);--> statement-breakpoint
CREATE TABLE `exams` (
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`step` integer NOT NULL,
	`split` text NOT NULL,
	`values` text NOT NULL,
	`images` text NOT NULL,
	PRIMARY KEY(`trial`, `attempt`, `step`, `split`)
);
--> statement-breakpoint
CREATE TABLE `messages` (
	`id` integer PRIMARY KEY NOT NULL,
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`type` text NOT NULL,
	`step` integer,
	`code` text,
	`text` text NOT NULL,
	`stored` real DEFAULT (unixepoch('subsec')) NOT NULL
);
--> statement-breakpoint
CREATE INDEX `messages_by_trial` ON `messages` (`trial`);--> statement-breakpoint
CREATE TABLE `metric_names` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `metric_names_name_unique` ON `metric_names` (`name`);--> statement-breakpoint
CREATE TABLE `metrics` (
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`name` integer NOT NULL,
	`step` integer NOT NULL,
	`wall` real NOT NULL,
	`pixels` real NOT NULL,
	`value` real,
	PRIMARY KEY(`trial`, `name`, `step`, `attempt`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `samples` (
	`id` integer PRIMARY KEY NOT NULL,
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`step` integer NOT NULL,
	`name` text NOT NULL,
	`role` text NOT NULL,
	`path` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `samples_once` ON `samples` (`trial`,`attempt`,`step`,`name`,`role`);--> statement-breakpoint
CREATE TABLE `sweep_trials` (
	`sweep` integer NOT NULL,
	`trial` integer NOT NULL,
	`position` integer NOT NULL,
	PRIMARY KEY(`sweep`, `trial`),
	FOREIGN KEY (`sweep`) REFERENCES `sweeps`(`id`) ON UPDATE no action ON DELETE no action,
	FOREIGN KEY (`trial`) REFERENCES `trials`(`id`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE TABLE `sweeps` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`question` text NOT NULL,
	`source` text NOT NULL,
	`varied` text NOT NULL,
	`updated` real NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `sweeps_name_unique` ON `sweeps` (`name`);--> statement-breakpoint
CREATE TABLE `trials` (
	`id` integer PRIMARY KEY NOT NULL,
	`key` text NOT NULL,
	`parameters` text NOT NULL,
	`seed` integer NOT NULL,
	`budget` text NOT NULL,
	`data_fingerprint` text NOT NULL,
	`status` text NOT NULL,
	`reason` text,
	`step` integer DEFAULT 0 NOT NULL,
	`updates` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `trials_key_unique` ON `trials` (`key`);