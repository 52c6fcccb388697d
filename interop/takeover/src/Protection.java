import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** ACLs, SCRAM users, quotas, and a property that went: kept by a millstream, seen when an Apache Kafka has the directory again. */
final class Protection {
    private Protection() {
    }

    static void add(Clients clients) throws Exception {
        List<AclBinding> acls = new ArrayList<>();
        for (String user : List.of("alice", "bob")) {
            ResourcePattern topic = new ResourcePattern(ResourceType.TOPIC, "plain", PatternType.PREFIXED);
            acls.add(new AclBinding(topic, new AccessControlEntry("User:" + user, "*", AclOperation.READ, AclPermissionType.ALLOW)));
        }
        ResourcePattern group = new ResourcePattern(ResourceType.GROUP, "*", PatternType.LITERAL);
        acls.add(new AclBinding(group, new AccessControlEntry("User:mallory", "10.0.0.1", AclOperation.ALL, AclPermissionType.DENY)));
        Clients.get(clients.admin.createAcls(acls).all());
        Clients.get(clients.admin.deleteAcls(List.of(acls.get(1).toFilter())).all());
        for (ScramMechanism mechanism : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
            ScramCredentialInfo info = new ScramCredentialInfo(mechanism, 4_096 + mechanism.type());
            Clients.get(clients.admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("alice", info, "secret"))).all());
        }
        Map<String, String> entity = Map.of("user", "alice", "client-id", "app");
        ClientQuotaAlteration.Op op = new ClientQuotaAlteration.Op("producer_byte_rate", 12_345.0);
        Clients.get(clients.admin.alterClientQuotas(List.of(new ClientQuotaAlteration(new ClientQuotaEntity(entity), List.of(op)))).all());
    }

    static void write(Clients clients, Path file) throws Exception {
        List<String> lines = new ArrayList<>();
        Collection<AclBinding> acls = Clients.get(clients.admin.describeAcls(AclBindingFilter.ANY).values());
        acls.forEach(acl -> lines.add(acl.toString()));
        Clients.get(clients.admin.describeUserScramCredentials().all()).forEach((user, each) -> {
            each.credentialInfos().forEach(credential -> lines.add(user + " " + credential));
        });
        Clients.get(clients.admin.describeClientQuotas(ClientQuotaFilter.all()).entities()).forEach((entity, quotas) -> {
            lines.add(new TreeMap<>(entity.entries()) + " " + quotas);
        });
        Clients.get(clients.admin.describeFeatures().featureMetadata()).finalizedFeatures().forEach((name, level) -> lines.add(name + " " + level));
        ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, Fill.STAMPED);
        lines.add(String.valueOf(Clients.get(clients.admin.describeConfigs(List.of(topic)).all()).get(topic).get(Fill.OLD_PROPERTY)));
        lines.sort(null);
        Files.write(file, lines);
    }
}
