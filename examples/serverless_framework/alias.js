// Every event of a function leads to an alias, which a deploy moves to the version that it publishes.
// Without this the framework publishes versions that nobody calls: events lead to $LATEST.
"use strict";

module.exports = class {
  constructor(serverless) {
    const { service } = serverless;
    const logicalId = (key) => `${key[0].toUpperCase()}${key.slice(1)}Alias`;
    const functions = () =>
      service.custom.alias === "$LATEST" ? [] : Object.entries(service.functions);
    this.hooks = {
      "before:package:compileFunctions": () => {
        for (const [key, each] of functions()) {
          each.targetAlias = { name: service.custom.alias, logicalId: logicalId(key) };
        }
      },
      "after:package:compileFunctions": () => {
        const { Resources } = service.provider.compiledCloudFormationTemplate;
        const { naming } = serverless.getProvider("aws");
        for (const [key, each] of functions()) {
          Resources[logicalId(key)] = {
            Type: "AWS::Lambda::Alias",
            Properties: {
              FunctionName: { Ref: naming.getLambdaLogicalId(key) },
              FunctionVersion: { "Fn::GetAtt": [each.versionLogicalId, "Version"] },
              Name: each.targetAlias.name,
            },
          };
        }
      },
    };
  }
};
