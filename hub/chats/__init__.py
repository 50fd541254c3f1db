"""What the hub makes of chats: tags by rules, with their evidence."""
