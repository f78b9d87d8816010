"""What other programs take over: lists for editors and players, and clips cut out of videos."""
