ALTER TABLE `attempts` ADD `head` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `attempts` ADD `rewritten` integer DEFAULT 0 NOT NULL;