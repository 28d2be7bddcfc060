"""What triggers and activities share: Azure clients, what an SDK's error means, and the records of runs."""
