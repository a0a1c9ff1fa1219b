CREATE TABLE `early_stops` (
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`sweep` text NOT NULL,
	`rule` text NOT NULL,
	`wall` real NOT NULL,
	`step` integer NOT NULL,
	`rung` real NOT NULL,
	`compared` real,
	`cutoff` real,
	`reason` text NOT NULL,
	PRIMARY KEY(`trial`, `sweep`, `rule`)
);
--> statement-breakpoint
CREATE TABLE `system_samples` (
	`trial` integer NOT NULL,
	`attempt` integer NOT NULL,
	`wall` real NOT NULL,
	`cpu` real,
	`memory` real,
	`gpu` real,
	`gpu_memory` real,
	`power` real,
	`temperature` real,
	PRIMARY KEY(`trial`, `attempt`, `wall`)
);
--> statement-breakpoint
ALTER TABLE `trials` ADD `extended_from` text;--> statement-breakpoint
ALTER TABLE `trials` ADD `extended_at` integer;