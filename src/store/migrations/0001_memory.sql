ALTER TABLE `attempts` ADD `predicted_memory` integer;--> statement-breakpoint
ALTER TABLE `attempts` ADD `micro_batch` integer;