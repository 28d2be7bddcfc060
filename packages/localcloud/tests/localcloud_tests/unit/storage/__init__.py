"""What storage decides by: the policy, and the hook in Azurite."""
