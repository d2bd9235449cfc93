# verify.pl ZONE LETTER...: Mail::DKIM's judgement of each signature, and of letters with one more field.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS;
use Net::DNS::ZoneFile;

my ( $zone, @letters ) = @ARGV;
my %records = map { lc( $_->owner ) => $_ } Net::DNS::ZoneFile->new($zone)->read;

# A resolver that knows the zone and nothing else.
package Zone {
    sub send {
        my ( undef, $name, $type ) = @_;
        my $packet = Net::DNS::Packet->new( $name, $type );
        $packet->push( answer => $records{ lc $name } ) if $records{ lc $name };
        return $packet;
    }
    sub errorstring { 'NXDOMAIN' }
}
Mail::DKIM::DNS::resolver( bless {}, 'Zone' );

my $knows_ed25519 = eval { require Mail::DKIM::Algorithm::ed25519_sha256; 1 };

# algorithm => signature, judged.
sub judged {
    my ($message) = @_;
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT($message);
    $verifier->CLOSE;
    return map { ( $_->algorithm => $_ ) } $verifier->signatures;
}

my ( $good, $bad ) = ( 0, 0 );
for my $path (@letters) {
    open( my $file, '<:raw', $path ) or die "$path: $!\n";
    my $message = do { local $/; <$file> };
    my %found = judged($message);
    for my $algorithm ( 'rsa-sha256', $knows_ed25519 ? 'ed25519-sha256' : () ) {
        my $signature = $found{$algorithm} or die "$path: there is no $algorithm signature\n";
        my $result = $signature->result_detail;
        die "$path: $algorithm: $result\n" unless $result eq 'pass';
        $good++;
        my %names = map { lc($_) => 1 } $signature->headerlist;
        for my $name ( sort keys %names ) {
            my %changed = judged("$name: added on the way\r\n$message");
            die "$path: $algorithm holds with another $name\n" if $changed{$algorithm}->result eq 'pass';
            $bad++;
        }
    }
}
die "nothing was judged\n" unless $good >= @letters && $bad > 0;
print "Mail::DKIM: $good signatures hold, $bad with an added field do not",
    ( $knows_ed25519 ? '' : ' (this version does not know Ed25519: RSA alone)' ), "\n";
